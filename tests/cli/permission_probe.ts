/** Prints what this process may do; run with `-P=cli` by `permissions_test.ts`. */
const can = (descriptor: Deno.PermissionDescriptor): boolean =>
  Deno.permissions.querySync(descriptor).state === "granted";

console.log(JSON.stringify({
  run: can({ name: "run" }),
  ffi: can({ name: "ffi" }),
  env: can({ name: "env" }),
  path: Deno.env.get("PATH") ?? null,
  secret: can({ name: "env", variable: "POLY_PRIVATE_KEY" }),
  anyHost: can({ name: "net" }),
  otherHost: can({ name: "net", host: "example.com:443" }),
  loopback: can({ name: "net", host: "127.0.0.1:8787" }),
  venue: can({ name: "net", host: "clob.polymarket.com:443" }),
  write: can({ name: "write" }),
}));
