/**
 * Wallets that belong to a key: CREATE2 recipes of protocol dossier 5.4. The clone templates are facts of the deployed
 * factories, as the venue's package `@polymarket/client` 0.2.0 (2026-08-24) carries them; vectors W prove them.
 */
import { AbiCoder, concat, getAddress, getCreate2Address, keccak256, toBeHex, zeroPadValue } from "ethers";

const PROXY_FACTORY = "0xaB45c5A4B0c941a2F231C04C3f49182e1A254052";
const PROXY_IMPLEMENTATION = "0x44e999d5c2F66Ef0861317f9A4805AC2e90aEB4f";
const SAFE_FACTORY = "0xaacFeEa03eb1561C4e67d661e40682Bd20E3541b";
const SAFE_INIT_CODE_HASH = "0x2bce2127ff07fb632d16c8347c4ebf501f4841168bed00d9e6ef715ddb6fcecf";
const DEPOSIT_FACTORY = "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07";
const DEPOSIT_IMPLEMENTATION = "0x58CA52ebe0DadfdF531Cde7062e76746de4Db1eB";
const DEPOSIT_BEACON = "0x7A18EDfe055488A3128f01F563e5B479D92ffc3a";

const bare = (address: string): string => address.slice(2).toLowerCase();

/** Init code of the proxy factory's clones, with the empty `cloneConstructor(bytes)` call at its end. */
const PROXY_INIT_CODE =
  `0x3d3d606380380380913d393d73${bare(PROXY_FACTORY)}5af4602a57600080fd5b602d8060366000396000` +
  `f3363d3d373d3d3d363d73${bare(PROXY_IMPLEMENTATION)}5af43d82803e903d91602b57fd5bf352e831dd` +
  "00".repeat(31) + "20" + "00".repeat(32);

/** ERC-1967 proxy of a fixed implementation: head with the code's length, the target, tail. */
const ERC1967_HEAD = 0x61003d3d8160233d3973n;
const ERC1967_TAIL = "0x60095155f3363d3d373d3d363d7f360894a13ba1a3210667c828492db98dca3e2076" +
  "cc3735a920a3ca505d382bbc545af43d6000803e6038573d6000fd5b3d6000f3";
/** ERC-1967 proxy that asks a beacon. */
const BEACON_HEAD = 0x6100523d8160233d3973n;
const BEACON_TAIL = "0x60195155f3363d3d373d3d363d602036600436635c60da" +
  "1b60e01b36527fa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6c" +
  "b3582b35133d50545afa5036515af43d6000803e604d573d6000fd5b3d6000f3";

const abi = AbiCoder.defaultAbiCoder();

/** Wallet of accounts made with Google or Magic logins (signature type 1). */
export const proxyWallet = (owner: string): string =>
  getCreate2Address(PROXY_FACTORY, keccak256(getAddress(owner)), keccak256(PROXY_INIT_CODE));

/** Safe of accounts made with a browser wallet before 2026-05-04 (type 2). */
export const safeWallet = (owner: string): string =>
  getCreate2Address(SAFE_FACTORY, keccak256(abi.encode(["address"], [owner])), SAFE_INIT_CODE_HASH);

function depositWallet(owner: string, head: bigint, target: string, tail: string): string {
  const args = abi.encode(["address", "bytes32"], [DEPOSIT_FACTORY, zeroPadValue(owner, 32)]);
  const length = BigInt((args.length - 2) / 2);
  const initCode = concat([toBeHex(head + (length << 56n), 10), target, tail, args]);
  return getCreate2Address(DEPOSIT_FACTORY, keccak256(args), keccak256(initCode));
}

/** Deposit wallet deployed before 2026-06-29 (type 3). */
export const uupsDepositWallet = (owner: string): string =>
  depositWallet(owner, ERC1967_HEAD, DEPOSIT_IMPLEMENTATION, ERC1967_TAIL);

/** Deposit wallet deployed since 2026-06-29 (type 3). */
export const beaconDepositWallet = (owner: string): string =>
  depositWallet(owner, BEACON_HEAD, DEPOSIT_BEACON, BEACON_TAIL);

/** Every wallet a key may own, checksummed. Which of them are deployed only the venue knows. */
export interface Wallets {
  readonly eoa: string;
  readonly proxy: string;
  readonly safe: string;
  /** Deployed before 2026-06-29. */
  readonly depositOld: string;
  readonly deposit: string;
}

/** Derives all of them; `owner` in any letter case. */
export function walletsOf(owner: string): Wallets {
  const eoa = getAddress(owner);
  return {
    eoa,
    proxy: proxyWallet(eoa),
    safe: safeWallet(eoa),
    depositOld: uupsDepositWallet(eoa),
    deposit: beaconDepositWallet(eoa),
  };
}
