/** Colours of the groups, which work on light and dark ground. */
export const COLOURS: Readonly<Record<string, string>> = {
  agentwire: 'var(--ours)',
  http: 'var(--ours)',
  yardstick: 'var(--yardstick)',
  crate: 'var(--crate)',
  mixed: 'var(--mixed)',
};

/** Colours for lines that stand beside each other. */
export const LINE_COLOURS: readonly string[] = [
  '#3b7dd8',
  '#d9822b',
  '#2f9e6e',
  '#b5508f',
  '#7a68c9',
  '#8a8f3c',
  '#c4473d',
  '#3aa3ad',
];

/** The style of the page; it works on screens of any width, light and dark, and on paper. */
export const STYLE: string = `
:root { color-scheme: light dark; --ground: #fbfbf9; --paper: #fff; --text: #23262b; --soft: #6b7280; --rule: #e3e5e8;
  --ours: #3b7dd8; --yardstick: #9aa1ab; --crate: #d9822b; --mixed: #a98a64; --good: #1f8a5b; --bad: #c4473d; }
@media (prefers-color-scheme: dark) { :root { --ground: #15171a; --paper: #1d2024; --text: #e6e8eb; --soft: #98a0ab; --rule: #30343a;
  --ours: #6aa3ee; --yardstick: #7c838d; --crate: #e39a4f; --mixed: #b89c78; --good: #57c08f; --bad: #ee7f75; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 40px 24px 80px; }
h1 { font-size: 28px; margin: 0 0 4px; letter-spacing: -0.01em; } h2 { font-size: 18px; margin: 44px 0 4px; } h3 { font-size: 14px; margin: 0; }
p { margin: 0 0 12px; color: var(--soft); max-width: 78ch; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(210px, 1fr)); gap: 12px; margin: 24px 0; }
.tile, figure { background: var(--paper); border: 1px solid var(--rule); border-radius: 8px; padding: 14px 16px; margin: 0; }
.tile b { display: block; font-size: 25px; font-variant-numeric: tabular-nums; line-height: 1.25; } .tile span { color: var(--soft); font-size: 13px; }
figure { margin-top: 12px; } figcaption { color: var(--soft); font-size: 13px; margin-bottom: 8px; }
.grids { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 12px; }
svg { width: 100%; height: auto; display: block; } svg text { font: 12px system-ui, sans-serif; }
.tick { fill: var(--soft); } .name { fill: var(--text); } .key { font-weight: 600; } .grid { stroke: var(--rule); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 6px 10px; border-bottom: 1px solid var(--rule); white-space: nowrap; vertical-align: top; }
th { color: var(--soft); font-weight: 500; } th:first-child, td:first-child { text-align: left; white-space: normal; min-width: 150px; } td:last-child, th:last-child { text-align: left; white-space: normal; min-width: 280px; }
tr.new td { border-top: 1px solid var(--soft); } .good { color: var(--good); } .bad { color: var(--bad); } .soft { color: var(--soft); }
td i { font-style: normal; display: inline-block; width: 8px; height: 8px; border-radius: 2px; margin-right: 8px; }
@media print { body { background: #fff; } figure, .tile { break-inside: avoid; } }
`;
