// An event stream by fetch(): what EventSource does, and what it does not tell: statuses, the answered cursor, every type.
// It comes back as an EventSource would (after retry:, with the last id), and gives up where one would.

import { carry, inWords, read, unreachable } from "./hub.js";

const LINE = /\r\n|\n|\r/;
const LONGEST = 2 ** 31 - 1;  // that a timer waits: past it, it waits not at all

// Text in pieces in, events out (HTML, "Interpreting an event stream").
export class Parser {
  #rest; #data; #type; #id;
  lastId = "";
  retry = 3000;

  // A new stream. What an earlier one left unfinished never came: the id that it bore is not the last one.
  begin() {
    this.#rest = this.#type = "";
    this.#data = [];
    this.#id = this.lastId;
  }

  push(text, on) {
    let all = this.#rest + text;
    const held = all.endsWith("\r") ? "\r" : "";  // the other half of a line's end may follow
    if (held) all = all.slice(0, -1);
    const lines = all.split(LINE);
    this.#rest = lines.pop() + held;
    for (const line of lines) this.#line(line, on);
  }

  #line(line, on) {
    if (line === "") return this.#dispatch(on);
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (name === "data") this.#data.push(value);
    else if (name === "event") this.#type = value;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "retry" && /^\d+$/.test(value)) this.retry = Math.min(Number(value), LONGEST);
  }

  #dispatch(on) {
    this.lastId = this.#id;
    // The hub's own word on where a stream stands: its type is heard by nobody.
    if (this.#data.length && this.#type !== "alipes")
      on({ id: this.lastId, type: this.#type, data: this.#data.join("\n") });
    this.#data = [];
    this.#type = "";
  }
}

export class Stream {
  #abort = new AbortController(); #timer; #parser = new Parser(); #target; #by; #token; #on;
  #heard = false; #ended = false;
  attempts = 0;

  // `on`: event(event), state(name, words), answer(status, cursor), over(words)
  constructor(target, by, token, on) {
    this.#target = target;
    this.#by = by;
    this.#token = token;
    this.#on = on;
  }

  begin() {
    this.#connect();
  }

  close() {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#abort.abort();
  }

  #giveUp(words) {
    this.#ended = true;
    this.#on.state("closed", "closed: an EventSource would never come back from this answer");
    this.#on.over?.(words);
  }

  #again(why) {
    if (this.#ended) return;
    this.#on.state("waiting", `${why}; again in ${this.#parser.retry / 1000} s`);
    this.#timer = setTimeout(() => this.#connect(), this.#parser.retry);
  }

  async #connect() {
    const url = new URL(this.#target), options = carry(this.#by, this.#token, url);
    options.headers.Accept = "text/event-stream";
    if (this.#parser.lastId) options.headers["Last-Event-ID"] = this.#parser.lastId;
    this.attempts++;
    this.#on.state("connecting", "connecting");
    try {
      const reply = await fetch(url, { ...options, cache: "no-store", signal: this.#abort.signal });
      await this.#hear(reply);
    } catch {
      this.#again(this.#heard ? "the connection is lost" : unreachable);
    }
  }

  async #hear(reply) {
    const cursor = reply.headers.get("Last-Event-ID") ?? reply.headers.get("Mercure-Last-Event-ID");
    this.#heard = true;
    this.#on.answer(reply.status, cursor);
    if (reply.status !== 200) return this.#giveUp(inWords(await read(reply)));
    if (!/^text\/event-stream\b/.test(reply.headers.get("Content-Type") || ""))
      return this.#giveUp("200, but no event stream: something else than a hub answers there.");
    this.#on.state("open", "connected");
    this.#parser.begin();
    const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece; !(piece = await reader.read()).done;)
      this.#parser.push(piece.value, this.#on.event);
    this.#again("the stream has ended");
  }
}
