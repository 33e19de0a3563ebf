// Drives laravel-echo by its own API, with its Mercure connector where it has one, else with one of ours that makes the
// recorded requests (tests/system/echo.js). What comes is in `page.told`, as there.
import LaravelEcho from "laravel-echo";

class RecordedChannel {
  constructor(page, name) { Object.assign(this, { page, name, heard: new Map() }); }
  on(event, callback) { this.heard.set(event, callback); return this; }
  listen(event, callback) { return this.on(event.replace(/^\./, ""), callback); }
  listenForWhisper(event, callback) { this.whispers = true; return this.on(`client-${event}`, callback); }
  error(callback) { return this.on("error", callback); }
  here(callback) { return this.on("here", callback); }
  joining(callback) { return this.on("joining", callback); }
  leaving(callback) { return this.on("leaving", callback); }
  whisper(event, payload) { this.page.whisper(this.name, event, payload); return this; }
}

class RecordedConnector {
  constructor(options) {
    this.options = options;
    this.channels = {};
    this.page = new RecordedPage(options.host);
    this.page.tell = (name, event, payload) => this.channels[name].heard.get(event)?.(payload);
  }
  connect() {}
  at(name) {
    if (!this.channels[name]) {
      const channel = this.channels[name] = new RecordedChannel(this.page, name);
      this.joined = (this.joined ?? Promise.resolve()).then(() => this.page.join(name)).then(() => channel.whispers && this.page.listenForWhispers(name));
    }
    return this.channels[name];
  }
  channel(name) { return this.at(name); }
  privateChannel(name) { return this.at(`private-${name}`); }
  encryptedPrivateChannel(name) { return this.at(`private-encrypted-${name}`); }
  presenceChannel(name) { return this.at(`presence-${name}`); }
  leave() {}
  leaveChannel(name) { this.page.leave(name); }
  socketId() { return this.page.socket; }
  disconnect() {}
}

function knowsMercure() {
  try {
    new LaravelEcho({ broadcaster: "mercure", authEndpoint: "/broadcasting/auth" });
    return true;
  } catch {
    return false;
  }
}

window.drive = host => {
  const real = knowsMercure(), told = [];
  const echo = new LaravelEcho({ broadcaster: real ? "mercure" : RecordedConnector, host, authEndpoint: "/broadcasting/auth", withoutInterceptors: true });
  window.page = { real, told, echo, channels: {} };

  const kinds = [["private-encrypted-", "encryptedPrivate"], ["private-", "private"], ["presence-", "join"], ["", "channel"]];
  page.join = (...names) => names.forEach(name => {
    const [prefix, method] = kinds.find(([prefix]) => name.startsWith(prefix));
    // Echo itself hands encrypted channels to connectors of its own alone.
    const [of, called] = method === "encryptedPrivate" && !real ? [echo.connector, "encryptedPrivateChannel"] : [echo, method];
    const channel = page.channels[name] = of[called](name.slice(prefix.length));
    const tell = event => payload => told.push([name, event, payload]);
    for (const event of ["Shipped", "Own", "Last", "Number"]) channel.listen(`.${event}`, tell(event));
    channel.error(error => told.push([name, "error", `${error}`]));
    if (prefix) channel.listenForWhisper("reading", tell("client-reading"));
    if (method === "join") for (const event of ["here", "joining", "leaving"]) channel[event](tell(event));
  });
  page.whisper = (name, event, payload) => { page.channels[name].whisper(event, payload); };
};
