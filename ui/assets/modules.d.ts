/** Text assets that the bundler puts inside the binary. */
declare module "*.css" {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: the shape of a text import
  export default text;
}
declare module "*.client.js" {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: the shape of a text import
  export default text;
}
declare module "htmx.org/dist/*" {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: the shape of a text import
  export default text;
}
