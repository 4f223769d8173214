/** What can go wrong with the disk, in stable codes. */
export class StorageError extends Error {
  constructor(
    readonly code: "unwritable" | "disk-full" | "corrupt" | "newer-version" | "busy" | "closed" | "failed",
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "StorageError";
  }
}

/** SQLite's own complaint as a typed error; others pass unchanged. */
export function storageError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof StorageError) return error;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (code === "SQLITE_FULL" || code === "ENOSPC")
    return new StorageError("disk-full", "The disk is full.", { cause: error });
  if (code.startsWith("SQLITE_READONLY") || code.startsWith("SQLITE_CANTOPEN"))
    return new StorageError("unwritable", "The data folder cannot be written.", { cause: error });
  if (code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB")
    return new StorageError("corrupt", "The database file is damaged.", { cause: error });
  if (code.startsWith("SQLITE_BUSY"))
    return new StorageError("busy", "Another program holds the database.", { cause: error });
  return error;
}
