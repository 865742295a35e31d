// Sets theme and language before the first paint. A file of its own, so that a content policy can forbid inline scripts.
(function () {
  var root = document.documentElement, theme = null, lang = null;
  try {
    theme = localStorage.getItem("threatminer.theme");
    lang = localStorage.getItem("threatminer.lang");
  } catch (e) { /* storage may be forbidden; the defaults do */ }
  if (theme !== "dark" && theme !== "light") theme = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  root.dataset.theme = theme;
  var tags = { en: "en", zh: "zh-CN", ru: "ru" }, list = navigator.languages || [], i;
  for (i = 0; !tags[lang] && i < list.length; i += 1) lang = list[i].slice(0, 2).toLowerCase();
  root.lang = tags[lang] || "en";
})();
