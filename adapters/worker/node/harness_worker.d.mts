/** Text, or bytes where they are not UTF-8. */
export type Content = string | Uint8Array;

export interface Case {
  readonly suite: string;
  /** The case's name within the suite; error texts often carry it. */
  readonly name: string;
  readonly input: Content;
  readonly params: Record<string, any>;
  /** Only settings that the worker listed: any other was answered before `render` is called. */
  readonly settings: Record<string, any>;
  /** What the suite's cases share. */
  readonly files: ReadonlyMap<string, Content>;
}

export interface ErrorFields {
  message?: string;
  detail?: string;
  name?: string;
  line?: number;
  /** The whole rendering of the error, as the source project would print it. */
  text?: string;
  frames?: string[];
  [other: string]: string | number | boolean | string[] | undefined;
}

/** Thrown by `render`: the port refused the input, in the way its API does. Anything else that is thrown is a panic. */
export class Refused extends Error {
  constructor(kind: string, fields?: ErrorFields);
  readonly error: ErrorFields & { kind: string };
}

declare class Reply {
  private constructor();
  private readonly body: object;
}
export type { Reply };

/** Several named outputs; a number must be an integer. */
export function outputs(named: Record<string, Content | number>): Reply;

/** One structured output, written as JSON.stringify writes it; NaN and the infinities are kept. */
export function value(json: unknown): Reply;

/** The port has no such feature yet. */
export function unsupported(reason: string): Reply;

export interface Worker {
  name: string;
  /** The version of the implementation that is driven, not of the worker. */
  version: string;
  /** The names of the settings that `render` honours. */
  settings?: readonly string[];
  render(given: Case): Content | Reply | Promise<Content | Reply>;
}

/** Answers the harness until stdin ends, then ends the process. */
export function serve(worker: Worker): Promise<void>;
