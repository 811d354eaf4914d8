/** A process that is spoken to by lines and killed with SIGKILL. */

/** Lines of JSON with a `type`, as `Says` lists them. */
export class Child<Says extends { readonly type: string }> {
  /** Resolves with the exit code when it is gone, 137 for a kill. */
  readonly ended: Promise<number>;
  private readonly process: Deno.ChildProcess;
  private readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  private readonly waiting = new Map<string, (what: Says) => void>();
  private readonly said = new Map<string, Says>();
  private isGone = false;
  private errors = "";

  constructor(
    script: string,
    flags: readonly string[] = [],
    private readonly onSay: (what: Says) => void = () => {},
  ) {
    this.process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "-A", "--no-prompt", "--no-check", ...flags, script],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.writer = this.process.stdin.getWriter();
    void this.read();
    const errors = this.readErrors();
    this.ended = this.process.status.then(async ({ code }) => {
      this.isGone = true;
      await errors;
      this.writer.close().catch(() => {});
      return code;
    });
  }

  get pid(): number {
    return this.process.pid;
  }

  send(line: string): void {
    this.writer.write(new TextEncoder().encode(`${line}\n`)).catch(() => {});
  }

  /** The line of that type, also when it has come already. Throws when the process ends or fails first, or time is up. */
  async heard<T extends Says["type"]>(type: T, withinMs: number): Promise<Extract<Says, { type: T }>> {
    const come = this.said.get(type);
    if (come !== undefined) return come as Extract<Says, { type: T }>;
    const heard = Promise.withResolvers<Says>();
    this.waiting.set(type, heard.resolve);
    const timer = setTimeout(() => heard.reject(new Error(`no "${type}" within ${withinMs} ms`)), withinMs);
    void this.ended.then((code) =>
      heard.reject(new Error(`ended with ${code} before "${type}": ${this.why()}`))
    );
    try {
      return await heard.promise as Extract<Says, { type: T }>;
    } finally {
      clearTimeout(timer);
      this.waiting.delete(type);
    }
  }

  private why(): string {
    return `${JSON.stringify(this.said.get("failed") ?? "")} ${this.errors.slice(0, 500)}`;
  }

  /** True when it died by itself within that time; else it is killed now. Resolves when it is gone. */
  async diesWithin(withinMs: number): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<false>((resolve) => timer = setTimeout(() => resolve(false), withinMs));
    const died = await Promise.race([this.ended.then(() => true), late]);
    clearTimeout(timer);
    if (!died) this.kill();
    await this.ended;
    return died;
  }

  kill(): void {
    if (this.isGone) return;
    try {
      this.process.kill("SIGKILL");
    } catch {
      // Gone in the same moment.
    }
  }

  private async read(): Promise<void> {
    let rest = "";
    for await (const text of this.process.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const what = JSON.parse(line) as Says;
        this.said.set(what.type, what);
        this.onSay(what);
        this.waiting.get(what.type)?.(what);
      }
    }
  }

  private async readErrors(): Promise<void> {
    for await (const text of this.process.stderr.pipeThrough(new TextDecoderStream())) {
      if (this.errors.length < 4_000) this.errors += text;
    }
  }
}
