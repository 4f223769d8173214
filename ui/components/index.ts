/** The parts all pages are made of. */
export * from "./badge.tsx";
export * from "./destination.tsx";
export * from "./error-page.tsx";
export * from "./form.tsx";
export * from "./layout.tsx";
export * from "./navigation.ts";
export * from "./shell.tsx";
export * from "./table.tsx";
export * from "./toast.tsx";
