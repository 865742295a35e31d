/** Facts of some source, of whatever shape: names with plain values, lists in one line, deeper things as JSON. Always text. */
export function Facts({ facts }: { facts: Record<string, unknown> }) {
  const said = (value: unknown): string => {
    if (value === null || value === undefined) return "–";
    if (Array.isArray(value)) return value.map(said).join(", ");
    return typeof value === "object" ? JSON.stringify(value) : String(value);
  };
  return (
    <dl className="factlist">
      {Object.entries(facts).map(([key, value]) => (
        <div key={key}><dt>{key.replaceAll("_", " ")}</dt><dd><bdi>{said(value)}</bdi></dd></div>
      ))}
    </dl>
  );
}
