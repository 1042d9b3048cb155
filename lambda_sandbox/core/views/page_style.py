"""How the page looks: one style sheet, which refers to nothing outside the page."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fdfdfc; --ink: #1d2129; --muted: #646b78; --faint: #9097a3;
  --line: #e4e6ea; --grid: #eff0f2; --tint: #f5f6f8;
  --inside: #4a6fc4; --outside: #2b8a83; --within: #8a90a0;
  --error: #b3261e; --error-tint: #fbeeed;
  --text: 15px/1.5 ui-sans-serif, system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif;
  --code: 12.5px/1.55 ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace;
  --columns: minmax(12rem, 36%) 1fr 6rem;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14161b; --ink: #e3e6ec; --muted: #9aa2b1; --faint: #6d7584;
    --line: #2a2e37; --grid: #1e222a; --tint: #1b1e25;
    --inside: #7b9cec; --outside: #58b9b0; --within: #868d9d;
    --error: #f2857c; --error-tint: #2c1c1d;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: var(--text); }
main, header, footer { max-width: 68rem; margin: 0 auto; padding: 0 1.75rem; }
header { padding-top: 3.5rem; }
footer { padding-block: 3rem; color: var(--faint); font-size: .85rem; }
h1 { margin: 0; font-size: 1.7rem; font-weight: 600; letter-spacing: -.015em; line-height: 1.2; }
h2 { margin: 0; font-size: 1.1rem; font-weight: 600; }
h3 { margin: 1.25rem 0 .35rem; font-size: .78rem; font-weight: 600; color: var(--muted); }
p { margin: .35rem 0 0; color: var(--muted); }
ol, ul, dl, dd { margin: 0; padding: 0; list-style: none; }
code, dd, pre, .id { font: var(--code); }
section { margin-top: 3rem; }
.facts { display: flex; flex-wrap: wrap; gap: 0 1.1rem; color: var(--muted); font-size: .9rem;
  font-variant-numeric: tabular-nums; }
.failed { color: var(--error); }
.waterfall { margin-top: .9rem; border-bottom: 1px solid var(--line); }
.axis, summary { display: grid; grid-template-columns: var(--columns); column-gap: 1.25rem; }
.axis { color: var(--faint); font-size: .75rem; font-variant-numeric: tabular-nums;
  border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
.scale, .lane { position: relative; }
.scale span { position: absolute; transform: translateX(-50%); white-space: nowrap; }
.scale span:first-child { transform: none; }
.scale span.last { transform: translateX(-100%); }
.axis > :last-child { text-align: right; }
summary { cursor: pointer; list-style: none; align-items: center; border-radius: 3px; }
summary::-webkit-details-marker { display: none; }
summary:hover, details[open] > summary { background: var(--tint); }
summary:focus-visible { outline: 2px solid var(--inside); outline-offset: -1px; }
.what { min-width: 0; position: relative;
  padding: .3rem 0 .3rem calc(min(var(--depth), 12) * 1.1rem + 1.1rem); }
.what::before { content: ""; position: absolute; left: calc(min(var(--depth), 12) * 1.1rem + .3rem);
  top: .85em; border: .26rem solid transparent; border-left-color: var(--faint);
  border-right-width: 0; }
details[open] > summary > .what::before { transform: rotate(90deg); }
.name { font-weight: 500; }
.kind { margin-left: .5rem; color: var(--faint); font-size: .78rem; }
.what span, .what small { unicode-bidi: isolate; }
.title { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.what small { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2;
  overflow: hidden; overflow-wrap: anywhere; line-height: 1.4;
  color: var(--muted); font-size: .82rem; }
.what small.error { color: var(--error); }
.what small.note { font-style: italic; }
.error .name { color: var(--error); }
.lane { align-self: stretch; min-height: 1.2rem; }
.lane i { position: absolute; top: 0; bottom: 0; width: 1px; background: var(--grid); }
.lane b { position: absolute; top: 50%; height: .6rem; margin-top: -.3rem; min-width: 3px;
  border-radius: 2px; background: var(--within); }
.server b, .consumer b { background: var(--inside); }
.client b, .producer b { background: var(--outside); }
.error b { background: var(--error); }
.unfinished b { border-radius: 2px 0 0 2px; opacity: .75;
  -webkit-mask: linear-gradient(to right, #000, transparent);
  mask: linear-gradient(to right, #000, transparent); }
.run b { opacity: .45; height: .25rem; margin-top: -.125rem; }
.took { padding: .3rem 0; text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
.took small { display: block; font-size: .78rem; color: var(--muted); }
.error .took small { color: var(--error); }
.run > summary .name { color: var(--muted); font-weight: 400; }
.detail { margin: 0 0 .75rem calc(min(var(--depth), 12) * 1.1rem + 1.1rem); padding: 0 0 .5rem 1rem;
  border-left: 1px solid var(--line); }
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: 0 1.25rem; }
dt { font: var(--code); color: var(--muted); overflow-wrap: anywhere; }
dd { min-width: 0; overflow-wrap: anywhere; white-space: pre-wrap; unicode-bidi: isolate; }
pre { margin: .4rem 0; padding: .7rem .9rem; overflow-x: auto; border-radius: 4px;
  background: var(--error-tint); unicode-bidi: isolate; }
.detail details > summary { display: list-item; list-style: inside disclosure-closed;
  margin: 1.25rem 0 .35rem; font-size: .78rem; font-weight: 600; color: var(--muted);
  background: none; }
.detail details[open] > summary { list-style-type: disclosure-open; }
.event { margin-top: .35rem; }
.event em { color: var(--muted); font-style: normal; }
.said { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
@media (max-width: 44rem) {
  main, header, footer { padding-inline: 1rem; }
  header { padding-top: 1.75rem; }
  .axis { grid-template-columns: 1fr; }
  .axis > :not(.scale) { display: none; }
  .axis { min-height: 1.4rem; }
  .scale span:nth-child(even):not(.last) { display: none; }
  summary { grid-template-columns: 1fr auto; }
  .lane { grid-row: 2; grid-column: 1 / -1; }
  dl { grid-template-columns: 1fr; }
  dd { margin-bottom: .35rem; }
}
@media print { summary { break-inside: avoid; } }
"""
