// A page that asks as Laravel's Echo does with its Mercure connector, request by request as that was recorded; in our own
// words. What happens is in `told`: [channel, event, payload].
class Page {
  constructor(hub) {
    Object.assign(this, { hub, channels: new Map(), told: [], errors: [], cursor: "", source: null, prefix: "" });
    this.socket = crypto.randomUUID();
    this.path = new URL(hub, location).pathname;
  }

  topic(name) { return `${this.prefix}channel/${encodeURIComponent(name)}`; }
  whispers(name) { return `${this.prefix}whisper/${encodeURIComponent(name)}`; }
  tell(...what) { this.told.push(what); }

  async authorize(names) {
    const reply = await fetch("/broadcasting/auth", {
      method: "POST", credentials: "include", body: JSON.stringify({ channel_names: names }),
      headers: { "Content-Type": "application/json", Accept: "application/json" },
    });
    if (!reply.ok) throw new Error(`auth ${reply.status}`);
    const told = await reply.json();
    this.prefix = told.topic_prefix;
    for (const { name, jwk } of told.channel_names)
      if (jwk) this.channels.get(name).key = await crypto.subtle.importKey("jwk", { ...jwk, alg: "A256GCM" }, "AES-GCM", false, ["encrypt", "decrypt"]);
    clearTimeout(this.renewal);
    this.renewal = setTimeout(() => this.authorize([...this.channels.keys()]).catch(error => this.errors.push(`${error}`)), told.expires_in * 800);
  }

  async join(...names) {
    for (const name of names) this.channels.set(name, { members: new Map(), subscribers: new Map() });
    try {
      await this.authorize([...this.channels.keys()]);
    } catch (error) {
      for (const name of names) this.channels.delete(name), this.tell(name, "error", error.message);
      return;
    }
    this.open();
  }

  async leave(name) {
    this.channels.get(name).whispers?.close();
    this.channels.delete(name);
    await this.authorize([...this.channels.keys()]);
    this.open();
  }

  // One EventSource for all channels, closed first and opened anew with the whole list, from its cursor.
  open() {
    this.source?.close();
    const names = [...this.channels.keys()], query = names.map(name => ["match", this.topic(name)]);
    for (const name of names.filter(name => name.startsWith("presence-")))
      query.push(["match_urlpattern", `${this.path}/subscriptions/:match_type/${encodeURIComponent(this.topic(name))}/:subscriber`]);
    if (this.cursor) query.push(["last_event_id", this.cursor]);
    this.source = this.listen(query);
    this.source.onmessage = event => { this.cursor = event.lastEventId; this.hear(JSON.parse(event.data)); };
    this.source.addEventListener("mercure", event => { this.cursor = event.lastEventId; this.meet(JSON.parse(event.data)); });
    this.source.onopen = () => this.seed(names);
  }

  // Whispers come by a stream for each channel that listens to them, which stays.
  listenForWhispers(name) {
    const channel = this.channels.get(name);
    channel.whispers ??= this.listen([["match", this.whispers(name)]]);
    channel.whispers.onmessage = event => {
      const told = JSON.parse(event.data);
      if (told.channels.length === 1 && told.channels[0] === name) this.hear(told);
    };
  }

  listen(query) {
    const source = new EventSource(`${this.hub}?${new URLSearchParams(query)}`, { withCredentials: true });
    source.onerror = () => { if (source.readyState === EventSource.CLOSED) this.errors.push("closed for good"); };
    return source;
  }

  isOpen() {
    const sources = [this.source, ...[...this.channels.values()].map(channel => channel.whispers)];
    return sources.every(source => !source || source.readyState === EventSource.OPEN);
  }

  async hear({ channels, event, payload, socket, data }) {
    for (const name of channels) {
      const key = this.channels.get(name)?.key;
      if (key) ({ event, payload, socket } = JSON.parse(await this.decrypt(key, data)));
      if (this.channels.has(name) && socket !== this.socket) this.tell(name, event, payload);
    }
  }

  async decrypt(key, jwe) {
    const bytes = text => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), letter => letter.charCodeAt(0));
    const [head, , iv, text, tag] = jwe.split(".");
    const sealed = new Uint8Array([...bytes(text), ...bytes(tag)]);
    return new TextDecoder().decode(await crypto.subtle.decrypt({ name: "AES-GCM", iv: bytes(iv), additionalData: new TextEncoder().encode(head) }, key, sealed));
  }

  async encrypt(key, text) {
    const url = bytes => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    const encoder = new TextEncoder(), head = url(encoder.encode('{"alg":"dir","enc":"A256GCM"}')), iv = crypto.getRandomValues(new Uint8Array(12));
    const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: encoder.encode(head) }, key, encoder.encode(text)));
    return [head, "", url(iv), url(sealed.slice(0, -16)), url(sealed.slice(-16))].join(".");
  }

  // Once for each channel: from then on it relies on what is replayed.
  async seed(names) {
    for (const name of names) {
      const channel = this.channels.get(name);
      if (!channel || !name.startsWith("presence-") || channel.seeded) continue;
      channel.seeded = true;
      const reply = await fetch(`${this.hub}/subscriptions/exact/${encodeURIComponent(this.topic(name))}`, { credentials: "include" });
      if (!reply.ok) { this.tell(name, "error", reply.status); continue; }
      for (const one of (await reply.json()).subscriptions) this.count(name, one);
      channel.ready = true;
      this.tell(name, "here", this.members(name));
    }
  }

  meet(subscription) {
    if (subscription.match_type !== "exact") return;
    for (const name of this.channels.keys()) if (this.topic(name) === subscription.match) this.count(name, subscription);
  }

  // Members of the same payload are one; only the first and the last of them are told.
  count(name, { subscriber, active, payload }) {
    const channel = this.channels.get(name);
    if (active === channel.subscribers.has(subscriber) || (active && payload == null)) return;
    const member = active ? JSON.stringify(payload) : channel.subscribers.get(subscriber);
    const count = (channel.members.get(member) ?? 0) + (active ? 1 : -1);
    if (active) channel.subscribers.set(subscriber, member); else channel.subscribers.delete(subscriber);
    if (count) channel.members.set(member, count); else channel.members.delete(member);
    if (channel.ready && count === (active ? 1 : 0)) this.tell(name, active ? "joining" : "leaving", JSON.parse(member));
  }

  members(name) { return [...this.channels.get(name).members.keys()].map(member => JSON.parse(member)); }

  async whisper(name, event, payload) {
    const key = this.channels.get(name)?.key, told = { event: `client-${event}`, payload, socket: this.socket };
    const data = JSON.stringify({ channels: [name], ...(key ? { data: await this.encrypt(key, JSON.stringify(told)) } : told) });
    const reply = await fetch(this.hub, {
      method: "POST", credentials: "include", body: new URLSearchParams({ topic: this.whispers(name), data, private: "on" }),
    });
    return reply.status;
  }
}
