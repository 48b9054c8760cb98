// Light or dark: as the system has it until somebody switches; the cookie lets the server draw the page right at once.
const YEAR = 60 * 60 * 24 * 365;

export function offerThemes() {
  const button = document.querySelector("[data-theme-switch]");
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const other = () => ((root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark" ? "light" : "dark");
  const show = () => {
    button.ariaLabel = button.title = button.dataset[other()];
  };
  button.addEventListener("click", () => {
    root.dataset.theme = other();
    document.cookie = `patchsieve-theme=${root.dataset.theme}; path=/; max-age=${YEAR}; samesite=lax`;
    show();
  });
  system.addEventListener("change", show);
  show();
  button.hidden = false;
}
