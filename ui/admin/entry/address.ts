/** Only addresses of our own pages are followed after a form. */
export function ownAddress(address: string): string {
  return /^\/(?![/\\])/.test(address) && !/[\r\n]/.test(address) ? address : "/";
}
