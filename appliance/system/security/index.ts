export { BanFile, readBans } from "./ban-file.ts";
export { createSecurity, type Security, type SecurityView } from "./security.ts";
