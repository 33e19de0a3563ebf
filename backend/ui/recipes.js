// The same publish in other languages. Pure text: fields and a URL in, a program out.
// The token stands in the environment (TOKEN), as it should.

const sh = text => `'${text.replaceAll("'", "'\\''")}'`;
const php = text => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
const json = text => JSON.stringify(text);

// curl takes braces and brackets for lists of URLs: it would publish several times.
const curl = ({ url, fields, token }) => [`curl ${/[{}[\]]/.test(url) ? "--globoff " : ""}${sh(url)}`,
  ...(token ? [`-H "Authorization: Bearer $TOKEN"`] : []),
  ...fields.map(([name, value]) => `--data-urlencode ${sh(`${name}=${value}`)}`)].join(" \\\n     ");

const phpFields = fields => `[\n${fields.map(([name, value]) => `    [${php(name)}, ${php(value)}],`).join("\n")}\n]`;
const phpBody = fields => `$fields = ${phpFields(fields)};
$body = implode('&', array_map(fn (array $field) => $field[0] . '=' . urlencode($field[1]), $fields));`;

const plainPhp = ({ url, fields, token }) => `<?php
${phpBody(fields)}
$request = curl_init(${php(url)});
curl_setopt_array($request, [
    CURLOPT_POSTFIELDS => $body,${token ? "\n    CURLOPT_HTTPHEADER => ['Authorization: Bearer ' . getenv('TOKEN')]," : ""}
    CURLOPT_RETURNTRANSFER => true,
]);
$id = curl_exec($request);
if (curl_getinfo($request, CURLINFO_RESPONSE_CODE) !== 200) {
    throw new RuntimeException('not published: ' . ($id ?: curl_error($request)));
}
echo $id;
`;

const symfony = ({ fields }) => {
  const all = name => fields.filter(field => field[0] === name).map(field => field[1]);
  const [id] = all("id"), [type] = all("type"), [retry] = all("retry");
  return `<?php
// symfony/mercure: $hub is a Symfony\\Component\\Mercure\\HubInterface, by autowiring.
use Symfony\\Component\\Mercure\\Update;

$id = $hub->publish(new Update(
    [${all("topic").map(php).join(", ")}],
    ${php(all("data")[0] ?? "")},
    private: ${all("private").length > 0},
    id: ${id ? php(id) : "null"},
    type: ${type ? php(type) : "null"},
    retry: ${retry ? Number(retry) : "null"},
));
`;
};

const laravel = ({ url, fields, token }) => `<?php
use Illuminate\\Support\\Facades\\Http;

${phpBody(fields)}
$id = Http::withBody($body, 'application/x-www-form-urlencoded')${token ? "\n    ->withToken(env('TOKEN'))" : ""}
    ->post(${php(url)})
    ->throw()
    ->body();
`;

const javascript = ({ url, fields, token, cookie }) => `const reply = await fetch(${json(url)}, {
  method: "POST",${token ? "\n  headers: { Authorization: `Bearer ${process.env.TOKEN}` }," : ""}${cookie ? "\n  credentials: \"include\"," : ""}
  body: new URLSearchParams(${JSON.stringify(fields)}),
});
if (!reply.ok) throw new Error(\`not published: \${reply.status} \${await reply.text()}\`);
console.log(await reply.text());
`;

const python = ({ url, fields, token }) => `import os
from urllib.parse import urlencode
from urllib.request import Request, urlopen

fields = [${fields.map(([name, value]) => `(${json(name)}, ${json(value)})`).join(", ")}]
request = Request(${json(url)}, urlencode(fields).encode()${token ? `,
                  {"Authorization": f"Bearer {os.environ['TOKEN']}"}` : ""})
print(urlopen(request).read().decode())
`;

export const recipes = { curl, PHP: plainPhp, Symfony: symfony, Laravel: laravel, JavaScript: javascript, Python: python };
