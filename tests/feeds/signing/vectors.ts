/** Known answers for orders (protocol dossier 12): public ones of official clients' tests, and ones derived from them. */
import {
  AMOY,
  EXCHANGE_V2,
  type ExchangeDomain,
  exchangeOf,
  ZERO_32,
} from "../../../feeds/polymarket/signing/contracts.ts";
import type { OrderFields } from "../../../feeds/polymarket/signing/order.ts";

/** Public Hardhat/Anvil key 0; never fund it. */
export const KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
export const OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
export const V2: ExchangeDomain = exchangeOf({ version: "v1", negRisk: false });
export const V3: ExchangeDomain = exchangeOf({ version: "v2", negRisk: false });
export const NEG_RISK: ExchangeDomain = exchangeOf({ version: "v1", negRisk: true });
export const AMOY_V2: ExchangeDomain = { version: "2", chainId: AMOY, verifyingContract: EXCHANGE_V2 };
export const AMOY_V3: ExchangeDomain = exchangeOf({ version: "v2", negRisk: false }, AMOY);

export const BASE: OrderFields = {
  salt: 123456789,
  maker: OWNER,
  signer: OWNER,
  tokenId: "71321045679252212594626385532706912750332728571942532289631379312455583992563",
  makerAmount: 100000000,
  takerAmount: 50000000,
  side: "buy",
  signatureType: 0,
  timestamp: 1713398400000,
  metadata: ZERO_32,
  builder: ZERO_32,
};
const SELL = { side: "sell", makerAmount: 50000000, takerAmount: 100000000 } as const;
const DEPOSIT = "0x1111111111111111111111111111111111111111";

export interface Vector {
  readonly name: string;
  readonly fields: OrderFields;
  readonly domain: ExchangeDomain;
  readonly hash: string;
  readonly signature: string;
}

export const VECTORS: readonly Vector[] = [
  {
    name: "O1a",
    fields: BASE,
    domain: V2,
    hash: "0x32961c48ddac87ed3582f8e02097cd0eff4fcf80460306bd44b3710438dfa64c",
    signature:
      "0x89f178136333c8ebb32a19146cb891233e3202d474be6ef730c24dbc06ae4d2a0c99948a86d9b57de0f2c0bb8ec6964aa244ecf17cfa3a95b86878d0b64ad78a1b",
  },
  {
    name: "O1b",
    fields: { ...BASE, ...SELL, salt: 987654321 },
    domain: NEG_RISK,
    hash: "0x8b878404bd92dea2bfea9975c9fcd816ec70a57ae431cb20d67bb773744aaef3",
    signature:
      "0xf7d60d64364e2615b08d9f69f3ea9afd3b4f83ecfbf05ddd3ca83f4916277fb97d2d080758d17c8e91c928aceb8ff252477ebaec051b672832500f63b4d36b061c",
  },
  {
    name: "O1c",
    fields: { ...BASE, salt: 1, timestamp: 1713398500000, builder: `0x${"00".repeat(31)}01` },
    domain: V2,
    hash: "0x3df0b6f6ddfca837bc36964cae968b34ad35640b5d98f557c104da97e804e36a",
    signature:
      "0xf4d2b34659e8bc07a9572d40ee5a1639a1157409613b4c21566b1f33fd8fe11a364b3f306668cae7248ca7cdf72378f9266bc5628585aa939644400030671e081c",
  },
  {
    name: "O1d",
    fields: { ...BASE, salt: 111111111, signatureType: 1 },
    domain: V2,
    hash: "0x8f88fe2fb3448f4b8ba639992029f0a47a01a14d15b5f2bf9833516571efd279",
    signature:
      "0x71a63c85b730cc934688f23ea6374afffef57a61690eba63dcb97a706c8a8d0f3d2a8e0280f3e252eb83be088ebae6b461a8eda18e559e079f59050b90057afa1c",
  },
  {
    name: "O1e",
    fields: { ...BASE, ...SELL, salt: 222222222, signatureType: 2 },
    domain: NEG_RISK,
    hash: "0xb34248702810a1d76580234a33f942a9801c3680de54cb3ef104572a8d482190",
    signature:
      "0xab9d33aee8b578fe5588c4a4b16bbef6fa05fc757020f95b98212e877a919e360a90296f02e97ecbabf3c200271ffe88eb9fd86912e8376cd27237bdad5f3abc1c",
  },
  {
    name: "O3 V2",
    fields: { ...BASE, salt: 479249096354, tokenId: "1234", timestamp: 1780449126930 },
    domain: AMOY_V2,
    hash: "0xf4b817f06f351bdc415e904135e806faee2d88050b2fab12370717143dc923b8",
    signature:
      "0xa96be879ff1c5b94c1f7bbb4e253e2283748c1261f8b21390979d31ee6a164656132219cf49fd86574380b4f5f11232945497b29ffbc74d4bf9a0623c17af0071b",
  },
  {
    name: "O3 V3",
    fields: { ...BASE, salt: 479249096354, tokenId: "1234", timestamp: 1780449126930 },
    domain: AMOY_V3,
    hash: "0x13ae673adc0d1a53518b508ef0ce7365aaf85756fb4f42b9f153aa3b0ecb45de",
    signature:
      "0x269ebcd7fa5d21746e298256216ed725baa8d8fad3f5a51a8d27bb0d0a744e604199067fffc8e359869fcca14ff2ada20d212740c4690091b595725dfa5ea4651c",
  },
  {
    name: "O4 of O1a",
    fields: BASE,
    domain: V3,
    hash: "0xebbc5881e0995ce4d28b2725b16c901917e02c9288525024b4cf64d23d1c5ec0",
    signature:
      "0x342b617601b5766f2fe6ef71c534f4f85ccdf4f1efc55c8cd18179381542f8605b30ac945b462d32265f06a26b47c8a2e15e5f907db303d464daec69a3d049681c",
  },
  {
    name: "O5 v1 market",
    fields: {
      ...BASE,
      salt: 1234567890123,
      makerAmount: 2800000,
      takerAmount: 5000000,
      timestamp: 1790000000000,
      tokenId: "104239898038807136052399800151408521467737075933964991162589336683346093173875",
    },
    domain: V2,
    hash: "0x1179b1a8de5d1d36900ded1d17b91122e8697841bd32f5db75e50aca65f46511",
    signature:
      "0x52cae7a12615090b7a4611c6eaf601bdc4e185a45c180c6a50e1306d0ce22eb076e3ba6258cb957381fd0986580f5b854b151562b6a651e8d7889f6b5f80aaa21c",
  },
  {
    name: "O5 v2 market",
    fields: {
      ...BASE,
      salt: 1234567890123,
      makerAmount: 2800000,
      takerAmount: 5000000,
      timestamp: 1790000000000,
      tokenId: "482467038488817480931545770869532949388624936106835683497739933366304706816",
    },
    domain: V3,
    hash: "0xe5b4ba8988bf6dda5277cd55c91c14115d3c19570654a8ae7d8ef5431f331616",
    signature:
      "0x7482b0e3d5ddd5d2c610c74220397a5f1aeae04015b224af695841104d5154d34371cf86b6d387c0dc1eee0173d99e7e6afb9f81a29d941adecd0c96ffe118101c",
  },
];

/** Type 3: `signature` is the inner one. */
export interface WrappedVector extends Omit<Vector, "signature"> {
  readonly inner: string;
  readonly contents?: string;
}

const TYPE_3 = { salt: 333333333, signatureType: 3, maker: DEPOSIT, signer: DEPOSIT } as const;
export const WRAPPED: readonly WrappedVector[] = [
  {
    name: "O1f",
    fields: { ...BASE, ...TYPE_3 },
    domain: V2,
    hash: "0x48cfd4c03dcee72230750e2dc5ea71048e91244c2a9fec2ed6ef790a74869596",
    inner:
      "0x780beffb568c4510b8a135a92ca8071f124cf368fb0e902fe451c5f51e5557910a2a87968caa08a242de85e83c27375fc09242e897aa77680f56622a54e6e7c61c",
    contents: "0xd3db4f9eed41f0490532a9460395d96602c6534a931bde4f0e3aad571e4f84a0",
  },
  {
    name: "O1f'",
    fields: { ...BASE, ...TYPE_3 },
    domain: NEG_RISK,
    hash: "0x82b94b9d570fdd7b07f517ea848606a9b74029f2387fbf07d8b9c856d652e608",
    inner:
      "0xa411986b67c58113f8787ee54c41def9376d57ef4262b56438438710720604b700137e0175d7ae6afc40c2988179ad84b1b71a739f0974c8df3c12372f31b22c1c",
  },
  {
    name: "O2",
    fields: { ...BASE, ...TYPE_3, salt: 479249096354, tokenId: "1234", timestamp: 1710000000000 },
    domain: AMOY_V2,
    hash: "0x2afca94626db91b2d556c351584a4cd93e13da32e377dc48c7983e43afa5ab47",
    inner:
      "0xa3a093c83b6c20c83355c16ce94c92e6e9fcbdeb840618cc74f6c57a42ad145b2b98db73d2c73cbf1f2b6af288566ae81960ddbc3a13921027358a8bff3be6ff1c",
    contents: "0xd23d42d3ad94e65d78258cecaf8dcbaddac0f73dc085040f2c12bb595dd83804",
  },
  {
    name: "O4 of O1f",
    fields: { ...BASE, ...TYPE_3 },
    domain: V3,
    hash: "0x88260462dbe4b85288bca644471dcf46b7de17554c67f480c99440251d19c716",
    inner:
      "0x6a3c72a3aded2b62fa834dc6cdb5757512bc432039db80a13509c74b4782e33773fc48e590d9b913923cdd21e1d486cf3708797db2788e100274c3809956d1b81c",
  },
];
