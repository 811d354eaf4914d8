/** The exchange model under its older name. */
export { ExchangeModel as PaperExchange } from "./exchange_model.ts";
export type { ExchangeOptions as PaperOptions } from "./options.ts";
