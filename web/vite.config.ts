import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The server embeds dist, so a build must depend on the sources alone: no timestamps, no absolute paths.
export default defineConfig({
  base: "/",
  plugins: [react()],
  build: {
    target: "es2022",
    sourcemap: false,
    modulePreload: { polyfill: false },
    // ECharts is one lazily loaded chunk, known and wanted at this size.
    chunkSizeWarningLimit: 700,
    assetsInlineLimit: 0,
  },
  server: { proxy: { "/api": "http://127.0.0.1:8080" } },
});
