/** Media files: upload, listen, download. */
import { Html } from "@kitajs/html";
import { Elysia } from "elysia";
import type { App } from "../../../appliance/app.ts";
import { ValidationError } from "../../../appliance/kernel.ts";
import type { MediaFileInput, MediaFileRow } from "../../../appliance/routing/index.ts";
import {
  Button,
  Field,
  type FormState,
  Mend,
  SelectField,
  Shell,
  TextField,
} from "../../components/index.ts";
import {
  type Complaints,
  type Ctx,
  type FormReader,
  handle,
  RAW,
  redirect,
  submitted,
  UPLOAD_LIMIT,
  type Values,
  valuesOf,
} from "../../http/index.ts";
import { type EntityPage, fieldsPane, idOf, linkColumn, stampColumns, textColumn } from "../entity/index.ts";

function fields(form: FormState): JSX.Element {
  const { t } = form;
  return (
    <>
      <TextField form={form} name="name" label={t("f.name")} required />
      <SelectField
        form={form}
        name="fileType"
        label={t("media.type")}
        options={(["voice", "music"] as const).map((item) => ({ value: item, label: t(`media.${item}`) }))}
      />
      <TextField form={form} name="category" label={t("media.category")} />
      <TextField form={form} name="description" label={t("f.note")} />
    </>
  );
}

const readFields = (r: FormReader): MediaFileInput => ({
  name: r.text("name"),
  fileType: r.pick("fileType", ["voice", "music"]),
  category: r.text("category"),
  description: r.text("description"),
});

export const mediaFilesPage: EntityPage<MediaFileRow, MediaFileInput, null> = {
  name: "media-files",
  title: "nav.media-files",
  noun: "noun.media-file",
  empty: "empty.media-files",
  addHref: "/media-upload",
  entity: (app) => app.routing.mediaFiles,
  load: async () => null,
  label: (row) => row.name,
  fixed: (row) => row.builtIn,
  columns: (ctx) => [
    linkColumn("/media-files", "name", ctx.t("f.name"), (row) => row.name),
    textColumn("fileType", ctx.t("media.type"), (row) => ctx.t(`media.${row.fileType}`)),
    textColumn("durationMs", ctx.t("media.length"), (row) => `${(row.durationMs / 1000).toFixed(1)} s`, {
      sort: true,
      numeric: true,
    }),
    {
      key: "play",
      label: ctx.t("action.play"),
      cell: (row) => <audio controls="controls" preload="none" src={`/media-files/${row.id}/audio`} />,
    },
    textColumn("language", ctx.t("media.language"), (row) => row.language ?? ""),
    ...stampColumns<MediaFileRow>(ctx),
  ],
  blank: () => ({}),
  values: (row) => valuesOf({ ...row }),
  read: (r) => readFields(r),
  panes: (form) => [fieldsPane(form, "general", fields(form))],
  aside: (ctx, row) => (
    <div class="card">
      <p>
        <audio controls="controls" preload="none" src={`/media-files/${row.id}/audio`} />
      </p>
      <a class="btn" href={`/media-files/${row.id}/audio?download=1`} safe>
        {ctx.t("action.download")}
      </a>
    </div>
  ),
};

function uploadPage(ctx: Ctx, values: Values, complaints: Complaints): JSX.Element {
  const { t } = ctx;
  const form: FormState = { t, values, complaints };
  const title = t("form.new", { what: t("noun.media-file") });
  return (
    <Shell
      ctx={ctx}
      title={title}
      crumbs={[{ label: t("nav.media-files"), href: "/media-files" }, { label: title }]}
    >
      <form class="card" method="post" action="/media-upload" enctype="multipart/form-data">
        <div class="fields">
          <Mend form={form} />
          <Field form={form} name="file" label={t("media.file")} help={t("media.file-help")} required>
            <input id="f-file" type="file" name="file" accept="audio/*,.wav,.mp3,.ogg,.m4a" />
          </Field>
          {fields(form)}
          <div>
            <Button label={t("action.upload")} kind="primary" />
          </div>
        </div>
      </form>
    </Shell>
  );
}

export function mediaRoutes(app: App) {
  return new Elysia()
    .get(
      "/media-upload",
      handle(app, "media-files.edit", (ctx) => uploadPage(ctx, {}, {})),
    )
    .post(
      "/media-upload",
      handle(app, "media-files.edit", (ctx) =>
        submitted(
          ctx,
          async (r, { file }) => {
            if (!file) throw new ValidationError({ file: { code: "error.file" } });
            const bytes = new Uint8Array(await file.arrayBuffer());
            await app.routing.mediaFiles.upload(ctx.actor, { ...readFields(r), fileName: file.name, bytes });
            return redirect(ctx, "/media-files?done=saved");
          },
          (values, complaints) => uploadPage(ctx, values, complaints),
          UPLOAD_LIMIT,
        ),
      ),
      RAW,
    )
    .get(
      "/media-files/:id/audio",
      handle(app, "media-files.view", async (ctx) => {
        const id = idOf(ctx);
        const file = Bun.file(await app.routing.mediaFiles.path(ctx.actor, id));
        const name = ctx.url.searchParams.has("download") ? "attachment" : "inline";
        return new Response(file, {
          headers: {
            "content-type": "audio/wav",
            "content-disposition": `${name}; filename="media-${id}.wav"`,
          },
        });
      }),
    );
}
