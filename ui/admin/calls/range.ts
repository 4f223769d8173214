/** Sending a recording so that the player can seek (RFC 9110 §14: one byte range; several are answered whole). */

export interface ByteRange {
  /** First and last byte, both included. */
  readonly from: number;
  readonly to: number;
}

/** The range asked for; null: send everything; "unsatisfiable": 416. */
export function parseRange(header: string | null, size: number): ByteRange | null | "unsatisfiable" {
  const match = header === null ? null : /^bytes=(\d*)-(\d*)$/.exec(header.trim());
  if (!match || (match[1] === "" && match[2] === "")) return null;
  if (match[1] === "") {
    const last = Number(match[2]);
    return last === 0 || size === 0 ? "unsatisfiable" : { from: Math.max(0, size - last), to: size - 1 };
  }
  const from = Number(match[1]);
  const to = match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (from >= size) return "unsatisfiable";
  return from > to ? null : { from, to };
}

/** The file as a response: 200, 206 or 416. `name` is used when it is downloaded instead of played. */
export function audioResponse(
  file: Blob,
  header: string | null,
  options: { readonly name: string; readonly download: boolean },
): Response {
  const range = parseRange(header, file.size);
  const safe = options.name.replaceAll(/[^\w.-]/g, "_");
  const headers: Record<string, string> = {
    "content-type": "audio/wav",
    "accept-ranges": "bytes",
    // A recording is personal: kept by no cache on the way, and by the browser only while it plays.
    "cache-control": "private, no-store",
    "content-disposition": `${options.download ? "attachment" : "inline"}; filename="${safe}"`,
    "x-content-type-options": "nosniff",
  };
  if (range === "unsatisfiable")
    return new Response(null, {
      status: 416,
      headers: { ...headers, "content-range": `bytes */${file.size}` },
    });
  if (range === null)
    return new Response(file, { headers: { ...headers, "content-length": String(file.size) } });
  const part = file.slice(range.from, range.to + 1);
  return new Response(part, {
    status: 206,
    headers: {
      ...headers,
      "content-length": String(part.size),
      "content-range": `bytes ${range.from}-${range.to}/${file.size}`,
    },
  });
}
