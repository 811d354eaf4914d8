/** The parity ledger of a running session: its rows, on disk as they are complete and in memory for the summary. */
import type { ExchangeModel } from "../../core/exchange/exchange_model.ts";
import { ParityLedger, type ParityMarket } from "../../core/exchange/parity.ts";
import type { ParityRow } from "../../core/exchange/parity_row.ts";
import { parityLine } from "./parity_file.ts";
import { type ParitySummary, summarise } from "./parity_summary.ts";

/** Rows kept in memory for the summary; the file has all of them. */
const MAX_ROWS = 100_000;

export interface ParitySettings {
  /** Predicts; nobody else may use it. */
  readonly model: ExchangeModel;
  /** Orders go to a venue, whose market data contains them. */
  readonly ownInBook: boolean;
  /** Gets whole lines. */
  readonly write: (lines: string) => void;
}

export class ParityBook {
  readonly rows: ParityRow[] = [];
  readonly ledger: ParityLedger;
  private unwritten: ParityRow[] = [];
  private unkept = 0;

  constructor(
    private readonly settings: ParitySettings,
    market: (conditionId: string) => ParityMarket | null,
  ) {
    this.ledger = new ParityLedger({
      model: settings.model,
      ownInBook: settings.ownInBook,
      market,
      onRow: (row) => {
        this.unwritten.push(row);
        if (this.rows.length < MAX_ROWS) this.rows.push(row);
        else this.unkept++;
      },
    });
  }

  /** Writes what is complete. Called between frames, so that no order waits for it. */
  flush(): void {
    if (this.unwritten.length === 0) return;
    const lines = this.unwritten.map(parityLine).join("");
    this.unwritten = [];
    this.settings.write(lines);
  }

  /** The session is over: rows that wait for something go out as they are. */
  close(): void {
    this.ledger.close();
    this.flush();
  }

  summary(): ParitySummary {
    return summarise(this.rows, this.ledger.dropped + this.unkept);
  }
}
