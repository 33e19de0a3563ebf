# alipes behind Varnish (7.1), HTTP over a Unix socket. Include this file in your own, behind its backends:
#
#     vcl 4.1;
#     backend default { .host = "127.0.0.1"; .port = "8080"; }
#     include "/usr/local/share/alipes/proxy-config/varnish/http-unix.vcl";
#
# varnishd runs as vcache: SocketGroup=varnish in alipes.socket (`systemctl edit alipes.socket`).
#
# Streams are piped: then the hub hears at once that a client has left, and none is cut after 600 s
# (send_timeout, which counts from the begin of a response, heartbeats or not). HTTP/2 (-p feature=+http2)
# has no pipe, and no such end. TLS is hitch's (its file here).
import proxy;
import std;

backend alipes {
    .path = "/run/alipes/alipes.sock";
    # So that who asks for a stream while the hub is away is not piped into nothing.
    .probe = { .url = "/healthz"; .interval = 1s; .timeout = 2s; .window = 1; .threshold = 1; .initial = 1; }
}

# The second path tells clients of protocol 1.0 who issues tokens for this hub (RFC 9728).
sub vcl_recv {
    if (req.url ~ "^/\.well-known/(mercure|oauth-protected-resource/\.well-known/mercure)([/?]|$)") {
        set req.backend_hint = alipes;
        # For `forwarded x-forwarded`: what a client says of itself goes.
        set req.http.X-Forwarded-For = client.ip;
        set req.http.X-Forwarded-Proto = "http";
        if (proxy.is_ssl()) {
            set req.http.X-Forwarded-Proto = "https";
        }
        if (req.url ~ "^/\.well-known/mercure(\?|$)" && req.method ~ "^(GET|QUERY)$") {
            if (!std.healthy(alipes) && req.http.Accept ~ "text/event-stream") {
                return (synth(999));
            }
            if (req.proto !~ "HTTP/2") {
                return (pipe);
            }
        }
        return (pass);
    }
}

# What comes behind that request on its connection would be piped to the hub as well, whatever it asks for.
sub vcl_pipe {
    if (req.backend_hint == alipes) {
        set bereq.http.Connection = "close";
    }
}

# While the hub is away (it restarts, it is updated) an EventSource would get Varnish's 503 and never come
# back: it survives nothing but a 200. So whoever asks for a stream (GET, QUERY) is told to ask again in
# 3 s; whoever publishes gets a 503.
sub vcl_synth {
    if (resp.status == 999) {
        set resp.status = 200;
        set resp.http.Content-Type = "text/event-stream; charset=utf-8";
        set resp.http.Cache-Control = "no-store";
        if (req.http.Origin) {
            set resp.http.Access-Control-Allow-Origin = req.http.Origin;
            set resp.http.Access-Control-Allow-Credentials = "true";
        }
        synthetic({"retry: 3000
: the hub is away

"});
        return (deliver);
    }
}
