// A real server in a process of its own, on a database of its own.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PYTHON =
  process.env.PYTHON ?? [`${ROOT}.venv/bin/python`, "python3"].find((path) => path === "python3" || existsSync(path));

export interface Noted {
  method: string;
  path: string;
  headers: Record<string, string>;
  status: number | null;
}

export class Server {
  #process: ChildProcess | null = null;
  #log = "";

  private constructor(
    readonly port: number,
    private readonly folder: string,
    private readonly app: string,
    private readonly prefix: string,
  ) {}

  /** `app` as uvicorn takes it; its router is under `prefix`. */
  static async start({ app = "app:app", prefix = "" } = {}): Promise<Server> {
    const server = new Server(await freePort(), await mkdtemp(join(tmpdir(), "bide-js-")), app, prefix);
    await server.run();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Run it, again on the same port and database if it was killed; resolves once it is ready. */
  async run(): Promise<void> {
    const options = ["-m", "uvicorn", this.app, "--app-dir", `${ROOT}js/tests`, "--port", `${this.port}`];
    const child = spawn(PYTHON as string, options, {
      // A pipe that nobody reads fills up, and then the server stands still.
      stdio: ["ignore", "ignore", "pipe"],
      // Where a database is named by a relative path, it is made here.
      cwd: this.folder,
      env: {
        ...process.env,
        PYTHONPATH: `${ROOT}src:${ROOT}`,
        BIDE_TEST_URL: `sqlite:///${this.folder}/jobs.db`,
        BIDE_SECRETS: "a secret that is known to the tests alone",
        BIDE_LEASE: "2",
      },
    });
    this.#process = child;
    child.stderr?.on("data", (data) => {
      this.#log += data;
    });
    while (child.exitCode === null) {
      const ready = await fetch(`${this.url}${this.prefix}/ready`).catch(() => null);
      if (ready?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`The server has ended: ${this.#log}`);
  }

  /** End it as a crash does. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
    await rm(this.folder, { recursive: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, "close");
  return port;
}
