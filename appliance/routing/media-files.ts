/** Media files (W-3.5.3): sniffed by content, converted to 8 kHz WAV, kept under their hash; rows tell their names. */
import { createHash } from "node:crypto";
import { mkdir, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Tx } from "../../storage/database.ts";
import { Checks } from "../checks.ts";
import { type Actor, permit, UseCaseError, ValidationError } from "../kernel.ts";
import { configEntity, type EntityDeps } from "../system/index.ts";
import type { ConvertAudio, MediaFiles } from "./index.ts";
import type { MediaFileInput, MediaFileRow } from "./model.ts";
import { loadMediaFiles } from "./rows.ts";

export const MAX_UPLOAD_BYTES = 50 * 1024 * 1024;

/** "wav" | "mp3" | "ogg" | "m4a" | "flac" by the first bytes; undefined = not audio we take. */
export function sniffAudio(bytes: Uint8Array): string | undefined {
  const text = (from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));
  if (bytes.length < 12) return undefined;
  if (text(0, 4) === "RIFF" && text(8, 12) === "WAVE") return "wav";
  if (text(0, 3) === "ID3") return "mp3";
  if (bytes[0] === 0xff && ((bytes[1] ?? 0) & 0xe0) === 0xe0 && ((bytes[1] ?? 0) & 0x06) !== 0) return "mp3";
  if (text(0, 4) === "OggS") return "ogg";
  if (text(0, 4) === "fLaC") return "flac";
  if (text(4, 8) === "ftyp") return "m4a";
  return undefined;
}

function checkInput(checks: Checks, input: MediaFileInput) {
  const category = checks.text("category", input.category, { max: 32 });
  // W-3.5.3.6: English letters only.
  if (!/^[A-Za-z]*$/.test(category)) checks.fail("category", "error.letters");
  return {
    name: checks.text("name", input.name, { required: true, max: 64 }),
    file_type: checks.oneOf("fileType", input.fileType, ["voice", "music"]),
    category,
    description: checks.text("description", input.description, { max: 500 }),
  };
}

export function mediaFiles(
  deps: EntityDeps & { readonly mediaFolder: string; readonly convert: ConvertAudio },
): MediaFiles {
  const { store, now, configuration, mediaFolder } = deps;
  const publicRow = ({ file: _file, ...row }: MediaFileRow & { readonly file: string }): MediaFileRow => row;
  const load = async (db: Tx, id?: number) => (await loadMediaFiles(db, id)).map(publicRow);

  async function keep(wav: Uint8Array) {
    const sha256 = createHash("sha256").update(wav).digest("hex");
    const file = `${sha256}.wav`;
    const path = join(mediaFolder, file);
    await mkdir(mediaFolder, { recursive: true });
    if (!(await stat(path).catch(() => null))) {
      await writeFile(`${path}.part`, wav);
      await rename(`${path}.part`, path);
    }
    return { sha256, file, bytes: wav.length };
  }

  async function nextNumber(tx: Tx): Promise<string> {
    const last = await tx.selectFrom("media_file").select("id").orderBy("id", "desc").executeTakeFirst();
    for (let n = 1000 + (last?.id ?? 0) + 1; ; n++)
      if (
        !(await tx.selectFrom("media_file").select("id").where("number", "=", String(n)).executeTakeFirst())
      )
        return String(n);
  }

  const entity = configEntity<MediaFileRow, MediaFileInput>(deps, {
    part: "media-files",
    subject: "media-file",
    search: ["name", "description"],
    sort: "name",
    label: (row) => row.name,
    load,
    async write(tx, id, input, at) {
      const checks = new Checks();
      // Rows come into being by upload; a form only names them.
      if (id === undefined) checks.fail("file", "error.required");
      const row = checkInput(checks, input);
      const [old] = id === undefined ? [] : await load(tx, id);
      if (old?.builtIn && old.name !== row.name) checks.fail("name", "error.built-in");
      checks.done();
      await tx
        .updateTable("media_file")
        .set({ ...row, updated_at: at })
        .where("id", "=", id ?? 0)
        .execute();
      return id ?? 0;
    },
    async users(_tx, row) {
      if (row.builtIn) throw new UseCaseError("error.built-in");
      return [];
    },
    // The WAV stays: an older version of the configuration may name it.
    async remove(tx, row) {
      await tx.deleteFrom("media_file").where("id", "=", row.id).execute();
    },
  });

  return {
    ...entity,
    async upload(actor: Actor, upload) {
      permit(actor, "media-files.edit");
      const checks = new Checks();
      const input = checkInput(checks, upload);
      if (upload.bytes.length === 0) checks.fail("file", "error.required");
      else if (upload.bytes.length > MAX_UPLOAD_BYTES)
        checks.fail("file", "error.file-too-big", { mb: MAX_UPLOAD_BYTES / 1048576 });
      else if (sniffAudio(upload.bytes) === undefined) checks.fail("file", "error.not-audio");
      const same = await store.read
        .selectFrom("media_file")
        .select("id")
        .where("name", "=", input.name)
        .where("built_in", "=", 0)
        .executeTakeFirst();
      if (same) checks.fail("name", "error.taken");
      checks.done();
      const converted = await deps.convert(upload.bytes, upload.fileName).catch(() => null);
      if (!converted || converted.durationMs <= 0)
        throw new ValidationError({ file: { code: "error.not-audio" } });
      const kept = await keep(converted.wav8k);
      const at = now();
      return configuration.change(
        actor,
        { action: "upload", subject: "media-file", id: null, summary: input.name },
        async (tx) => {
          const { id } = await tx
            .insertInto("media_file")
            .values({
              ...input,
              ...kept,
              number: await nextNumber(tx),
              original_name: upload.fileName.slice(0, 200),
              duration_ms: Math.round(converted.durationMs),
              built_in: 0,
              language: null,
              created_at: at,
              updated_at: at,
            })
            .returning("id")
            .executeTakeFirstOrThrow();
          const [row] = await load(tx, id);
          if (!row) throw new UseCaseError("error.not-found");
          return row;
        },
        (row) => row.id,
      );
    },
    async path(actor, id) {
      permit(actor, "media-files.view");
      const [row] = await loadMediaFiles(store.read, id);
      if (!row) throw new UseCaseError("error.not-found", { what: "media-file", id });
      return join(mediaFolder, row.file);
    },
    async installPrompts(prompts) {
      const rows: { prompt: (typeof prompts)[number]; kept: Awaited<ReturnType<typeof keep>> }[] = [];
      for (const prompt of prompts) rows.push({ prompt, kept: await keep(prompt.wav) });
      const at = now();
      await store.write(async (tx) => {
        for (const { prompt, kept } of rows) {
          const old = await tx
            .selectFrom("media_file")
            .select("id")
            .where("name", "=", prompt.key)
            .where("language", "=", prompt.language)
            .where("built_in", "=", 1)
            .executeTakeFirst();
          const values = { ...kept, duration_ms: Math.round(prompt.durationMs), updated_at: at };
          if (old) await tx.updateTable("media_file").set(values).where("id", "=", old.id).execute();
          else
            await tx
              .insertInto("media_file")
              .values({
                ...values,
                number: await nextNumber(tx),
                name: prompt.key,
                file_type: prompt.fileType ?? "voice",
                category: "",
                original_name: "",
                description: "",
                built_in: 1,
                language: prompt.language,
                created_at: at,
              })
              .execute();
        }
      });
      await configuration.load();
    },
  };
}
