/** The arrows of docs/development.md: ui → appliance → {sip, storage}, provisioning → appliance. A wrong arrow is an error. */
const typeOnly = ["type-only"];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: "sip-knows-no-office",
      comment: "sip imports neither appliance nor storage, ui or provisioning, not even types.",
      severity: "error",
      from: { path: "^sip/" },
      to: { path: "^(appliance|storage|ui|provisioning)/" },
    },
    {
      name: "storage-knows-nobody",
      severity: "error",
      from: { path: "^storage/" },
      to: { path: "^(appliance|sip|ui|provisioning)/" },
    },
    {
      name: "only-main-imports-ui",
      severity: "error",
      from: { pathNot: "^(ui|test|bench)/|^appliance/main\\.ts$" },
      to: { path: "^ui/" },
    },
    {
      name: "ui-goes-through-appliance",
      comment: "Pages reach telephony and data through the use cases; types may be named.",
      severity: "error",
      from: { path: "^ui/", pathNot: "\\.test\\.tsx?$" },
      to: { path: "^(sip|storage|provisioning)/", dependencyTypesNot: typeOnly },
    },
    {
      name: "provisioning-goes-through-appliance",
      severity: "error",
      from: { path: "^provisioning/" },
      to: { path: "^(sip|storage|ui)/" },
    },
    {
      name: "contexts-meet-at-the-door",
      comment: "A context of appliance is entered by its index.ts; model types may be named.",
      severity: "error",
      from: { path: "^appliance/([^/]+)/", pathNot: "^appliance/(commands|demo)/|\\.test\\.tsx?$" },
      to: {
        path: "^appliance/([^/]+)/",
        pathNot: "^appliance/$1/|^appliance/[^/]+/index\\.ts$",
        dependencyTypesNot: typeOnly,
      },
    },
    {
      name: "ui-enters-contexts-by-the-door",
      severity: "error",
      from: { path: "^(ui|provisioning)/", pathNot: "\\.test\\.tsx?$" },
      to: {
        path: "^appliance/([^/]+)/",
        pathNot: "^appliance/[^/]+/(index|model|events|live|permissions)\\.ts$",
        dependencyTypesNot: typeOnly,
      },
    },
    {
      name: "appliance-enters-sip-by-the-door",
      severity: "error",
      from: {
        path: "^appliance/",
        pathNot: "^appliance/(main|compose)\\.ts$|^appliance/(commands|demo)/|\\.test\\.tsx?$",
      },
      to: { path: "^sip/", pathNot: "^sip/(media/)?index\\.ts$", dependencyTypesNot: typeOnly },
    },
    {
      name: "one-importer-of-drachtio",
      severity: "error",
      from: {
        path: "^(appliance|ui|sip|storage|provisioning|bench)/",
        pathNot: "^sip/srf/|\\.test\\.tsx?$|/test-support\\.ts$",
      },
      to: { path: "node_modules/drachtio-srf" },
    },
    {
      name: "one-importer-of-rtpengine-client",
      severity: "error",
      from: { pathNot: "^sip/media/" },
      to: { path: "node_modules/rtpengine-client" },
    },
    {
      name: "no-circles",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: typeOnly } },
    },
    {
      name: "all-resolve",
      severity: "error",
      from: {},
      to: { couldNotResolve: true, pathNot: "^bun(:|$)" },
    },
    {
      name: "no-test-in-the-product",
      severity: "error",
      from: { path: "^(appliance|ui|sip|storage|provisioning)/", pathNot: "\\.test\\.tsx?$" },
      to: { path: "^(test|bench)/|\\.test\\.tsx?$" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(dist|data)/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["bun", "import", "require", "node", "default", "types"],
    },
  },
};
