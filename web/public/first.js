// Sets theme and language before the first paint. A file of its own, so that a content policy can forbid inline scripts.
(function () {
  var root = document.documentElement, theme = null, lang = null;
  try {
    theme = localStorage.getItem("threatminer.theme");
    lang = localStorage.getItem("threatminer.lang");
  } catch (e) { /* storage may be forbidden; the defaults do */ }
  if (theme !== "dark" && theme !== "light") theme = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  root.dataset.theme = theme;
  root.lang = lang === "zh" || (lang === null && /^zh/i.test(navigator.language)) ? "zh-CN" : "en";
})();
