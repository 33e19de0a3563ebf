// The one stream of all tabs. It runs in worker.js, or in the one tab that leads where a browser has no SharedWorker, and
// tells its whole state to every tab that listens to the channel: those that open later need nothing else.
export const channelOf = name => new BroadcastChannel(`notifications of ${name}`);

export function lead(name) {
  const channel = channelOf(name), list = [];
  let state = "connecting", last = "earliest", source, timer;

  const tell = () => channel.postMessage({ state, list });
  const say = now => { state = now; tell(); };
  const later = ms => { clearTimeout(timer); timer = setTimeout(begin, ms); };

  function listen(topic) {
    const query = new URLSearchParams({ topic, lastEventID: last });
    source = new EventSource(`/.well-known/mercure?${query}`);
    source.onopen = () => say("open");
    source.onmessage = event => {
      last = event.lastEventId;
      list.unshift({ id: last, ...JSON.parse(event.data) });
      list.length = Math.min(list.length, 50);
      tell();
    };
    source.onerror = () => {
      say("connecting");
      if (source.readyState === EventSource.CLOSED) later(5000);  // refused: the browser will not come back by itself
    };
  }

  // A new cookie, and a stream where there is none. A stream ends with the token that it began with; the browser comes
  // back by itself, with the cookie of then.
  async function begin() {
    try {
      const reply = await fetch("../site/cookie.php", { cache: "no-store" });
      if (reply.status === 401) return leave();
      const { notifications, seconds } = await reply.json();
      later(seconds * 800);
      if (!source || source.readyState === EventSource.CLOSED) listen(notifications);
    } catch {
      later(5000);
    }
  }

  function leave() {
    clearTimeout(timer);
    source?.close();
    say("closed");
  }

  channel.onmessage = ({ data }) => data === "leave" ? leave() : data === "hello" && tell();
  tell();
  begin();
}
