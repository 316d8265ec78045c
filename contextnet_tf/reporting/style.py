"""The style sheet of the report: light and dark by the reader's setting, narrow and wide screens, print."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fbfaf7; --raised: #f2f0ea; --ink: #1d2126; --muted: #626970; --rule: #dedcd5;
  --accent: #0f6b6e; --second: #b4571c; --on-accent: #ffffff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --raised: #1d2125; --ink: #e7e6e1; --muted: #9aa1a8; --rule: #31363b;
    --accent: #54b9b2; --second: #e39a5f; --on-accent: #04100f;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
}
main { max-width: 1160px; margin: 0 auto; padding: 3.5rem clamp(1rem, 4vw, 2.5rem) 5rem; }
h1 { font-size: clamp(2rem, 5vw, 3rem); line-height: 1.1; letter-spacing: -0.025em; margin: 0.2rem 0 0.6rem;
  text-wrap: balance; }
h2 { font-size: 1.5rem; line-height: 1.25; letter-spacing: -0.012em; margin: 0 0 0.7rem; }
h3 { font-size: 1rem; line-height: 1.3; margin: 0 0 0.5rem; }
p { max-width: 68ch; margin: 0 0 1rem; text-wrap: pretty; }
.byline { max-width: none; }
.byline span { white-space: nowrap; }
a { color: var(--accent); text-underline-offset: 0.2em; }
a:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; }
code, .path { font-size: 0.85em;
  font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.path { overflow-wrap: anywhere; }
.kicker { color: var(--accent); font-weight: 600; margin: 0; }
.byline, .note { color: var(--muted); }
.note { font-size: 0.875rem; }

.headline { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(13rem, 45%), 1fr));
  gap: 1.5rem 2rem; margin: 2.2rem 0; padding: 1.4rem 0 1.2rem;
  border-top: 2px solid var(--ink); border-bottom: 1px solid var(--rule); }
.headline div { display: flex; flex-direction: column; }
.headline dt { order: 2; font-weight: 600; margin-top: 0.35rem; }
.headline dd { margin: 0; }
.headline .figure { order: 1; font-size: clamp(2rem, 5.5vw, 3.1rem); line-height: 1; font-weight: 650;
  letter-spacing: -0.03em; font-variant-numeric: tabular-nums; white-space: nowrap; }
.headline .figure small { font-size: 0.5em; font-weight: 500; letter-spacing: 0; color: var(--muted);
  margin-left: 0.25em; }
.headline .why { order: 3; color: var(--muted); font-size: 0.85rem; line-height: 1.4; margin-top: 0.15rem; }
nav { display: flex; flex-wrap: wrap; gap: 0.3rem 1.3rem; font-size: 0.95rem; }
section { margin-top: 4rem; scroll-margin-top: 1.5rem; }

table { border-collapse: collapse; width: 100%; font-size: 0.925rem; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; -webkit-overflow-scrolling: touch; }
th, td { padding: 0.36rem 0 0.36rem 1.1rem; text-align: right; border-bottom: 1px solid var(--rule);
  vertical-align: baseline; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
thead th { font-weight: 600; color: var(--muted); border-bottom: 1px solid var(--muted); line-height: 1.3;
  vertical-align: bottom; }
tbody th { font-weight: 400; white-space: nowrap; }
tr.total > * { font-weight: 650; border-bottom: 0; border-top: 1px solid var(--muted); }
table.facts th { color: var(--muted); white-space: normal; width: 47%; padding-right: 1rem; }
table.facts td { text-align: left; padding-left: 0; overflow-wrap: anywhere; }
.better { color: var(--accent); } .worse { color: var(--second); }
.swatch { display: inline-block; width: 0.85em; height: 0.85em; margin-right: 0.55em; border-radius: 2px;
  vertical-align: -0.06em; box-shadow: inset 0 0 0 1px color-mix(in srgb, var(--ink) 40%, transparent); }
.mark { display: inline-block; width: 3px; height: 0.95em; margin-right: 0.6em; vertical-align: -0.12em;
  background: var(--second); }

.columns { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(22rem, 100%), 1fr));
  gap: 2rem 3.5rem; align-items: start; }
.row { display: flex; flex-wrap: wrap; gap: 2rem 3.2rem; align-items: flex-start; }
.row > *, .columns > *, .charts > * { min-width: 0; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(19rem, 100%), 1fr));
  gap: 1.5rem 2rem; }
.charts + .columns, .scroll + .columns, .columns + div { margin-top: 2.2rem; }
.columns + .note { margin-top: 1rem; }
figure { margin: 0; }
figcaption { font-weight: 600; margin-bottom: 0.3rem; }
svg { display: block; width: 100%; height: auto; max-width: calc(1.4 * var(--width)); }
svg text { font-family: inherit !important; font-variant-numeric: tabular-nums; }
.matrix svg { min-width: calc(1.15 * var(--width)); }

.legend { display: flex; flex-wrap: wrap; gap: 0.3rem 1.15rem; font-size: 0.9rem;
  list-style: none; margin: 0 0 1.6rem; padding: 0; }
.legend .absent { opacity: 0.4; }
.hatched { background: repeating-linear-gradient(135deg, #ececec 0 3px, #cacaca 3px 6px); }
.sample { display: grid; grid-template-columns: repeat(3, 1fr); gap: 0.3rem 0.6rem; margin: 0 0 2rem; }
.sample figcaption { grid-column: 1 / -1; display: flex; flex-wrap: wrap; gap: 0 1rem; margin: 0;
  justify-content: space-between; font-weight: 400; font-size: 0.875rem; color: var(--muted); }
.sample figcaption .path { color: var(--ink); }
.sample img { display: block; width: 100%; height: auto; border-radius: 3px; }
.sample span.role { font-size: 0.8rem; color: var(--muted); line-height: 1.3; }

details { border-top: 1px solid var(--rule); padding: 0.6rem 0; }
details:last-of-type { border-bottom: 1px solid var(--rule); }
summary { cursor: pointer; }
summary .note { margin-left: 0.6rem; }
details[open] summary { margin-bottom: 0.8rem; }
pre { margin: 0 0 1rem; padding: 0.8rem 1rem; background: var(--raised); border-radius: 4px;
  white-space: pre-wrap; overflow-wrap: anywhere; font-size: 0.95rem; line-height: 1.45; }

@media (max-width: 40rem) {
  main { padding-top: 2rem; }
  section { margin-top: 3rem; }
  .sample { grid-template-columns: repeat(2, 1fr); }
  .sample .cell:first-of-type { grid-column: 1 / -1; }
  table { font-size: 0.875rem; }
  th, td { padding-left: 0.7rem; }
}
@media print {
  main { max-width: none; padding: 0; }
  nav { display: none; }
  section, figure, tr { break-inside: avoid; }
}
"""
