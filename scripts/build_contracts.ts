/**
 * Compiles the contracts of the simulated chain and collects published bytecode from packages into one artifact file:
 * `deno task build:contracts`. A test compares the committed file with what this makes.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ctf from "@gnosis.pm/conditional-tokens-contracts/build/contracts/ConditionalTokens.json" with {
  type: "json",
};
import safe from "@gnosis.pm/safe-contracts/build/artifacts/contracts/GnosisSafe.sol/GnosisSafe.json" with {
  type: "json",
};
import handler from "@gnosis.pm/safe-contracts/build/artifacts/contracts/handler/CompatibilityFallbackHandler.sol/CompatibilityFallbackHandler.json" with {
  type: "json",
};
import multiSend from "@gnosis.pm/safe-contracts/build/artifacts/contracts/libraries/MultiSend.sol/MultiSend.json" with {
  type: "json",
};
import safeProxy from "@gnosis.pm/safe-contracts/build/artifacts/contracts/proxies/GnosisSafeProxy.sol/GnosisSafeProxy.json" with {
  type: "json",
};
import openzeppelin from "@openzeppelin/contracts/package.json" with { type: "json" };
import solc from "solc";

const FOLDER = new URL("../fixtures/chain/contracts/", import.meta.url);
/** Where the artifacts are kept, relative to this file. */
export const ARTIFACTS = new URL("../fixtures/chain/artifacts.json", import.meta.url);
const SOURCES = [
  "Addresses.sol",
  "Collateral.sol",
  "Ramps.sol",
  "CtfCollateralAdapter.sol",
  "Positions.sol",
  "Exchange.sol",
  "Wallets.sol",
  "Multicall3.sol",
];
const CONTRACTS = [
  "BridgedDollar",
  "CollateralToken",
  "CollateralOnramp",
  "CollateralOfframp",
  "CtfCollateralAdapter",
  "PositionManager",
  "Router",
  "CtfExchange",
  "ExchangeV3",
  "ProxyWallet",
  "ProxyWalletFactory",
  "RelayHub",
  "DepositWallet",
  "DepositBeacon",
  "DepositWalletFactory",
  "Multicall3",
] as const;

interface Compiled {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[];
  readonly contracts: Record<
    string,
    Record<
      string,
      { readonly abi: unknown; readonly evm: { readonly bytecode: { readonly object: string } } }
    >
  >;
}

interface Compiler {
  version(): string;
  compile(
    input: string,
    callbacks: { readonly import: (path: string) => { contents: string } | { error: string } },
  ): string;
}

/** Text of an import of a contract; only OpenZeppelin is known. */
function findImport(path: string): { contents: string } | { error: string } {
  if (!path.startsWith("@openzeppelin/contracts/")) return { error: `no ${path}` };
  return { contents: readFileSync(fileURLToPath(import.meta.resolve(path)), "utf8") };
}

/** Creation bytecode and ABI of everything the chain is born with, as the JSON text of the artifact file. */
export function buildContracts(): string {
  const compiler = solc as unknown as Compiler;
  const sources = Object.fromEntries(
    SOURCES.map((name) => [name, { content: readFileSync(new URL(name, FOLDER), "utf8") }]),
  );
  const input = {
    language: "Solidity",
    sources,
    settings: {
      optimizer: { enabled: true, runs: 200 },
      evmVersion: "cancun",
      metadata: { bytecodeHash: "none", appendCBOR: false },
      outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
    },
  };
  const output = JSON.parse(compiler.compile(JSON.stringify(input), { import: findImport })) as Compiled;
  const failures = (output.errors ?? []).filter(({ severity }) => severity === "error");
  if (failures.length > 0) throw new Error(failures.map((one) => one.formattedMessage).join("\n"));
  const all = Object.assign(
    {},
    ...SOURCES.map((name) => output.contracts[name]),
  ) as Compiled["contracts"][string];
  const own = CONTRACTS.map((name) => {
    const found = all[name]!;
    return [name, { abi: found.abi, bytecode: `0x${found.evm.bytecode.object}` }];
  });
  const published = [
    ["ConditionalTokens", ctf],
    ["GnosisSafe", safe],
    ["GnosisSafeProxy", safeProxy],
    ["CompatibilityFallbackHandler", handler],
    ["MultiSend", multiSend],
  ] as const;
  return JSON.stringify({
    solc: compiler.version(),
    openzeppelin: openzeppelin.version,
    contracts: Object.fromEntries([
      ...own,
      ...published.map(([name, { abi, bytecode }]) => [name, { abi, bytecode }]),
    ]),
  });
}

if (import.meta.main) Deno.writeTextFileSync(ARTIFACTS, `${buildContracts()}\n`);
