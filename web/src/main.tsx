import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { Router } from "./router.tsx";
import { SessionProvider } from "./session.tsx";
import { Settings } from "./settings.tsx";
import "./theme.css";
import "./pages.css";
import "./workplace.css";

const root = document.getElementById("root");
if (!root) throw new Error("no #root in the page");
createRoot(root).render(
  <StrictMode>
    <Settings>
      <Router>
        <SessionProvider>
          <App />
        </SessionProvider>
      </Router>
    </Settings>
  </StrictMode>,
);
