"""URL Patterns and topics that they might match, made from a seed: what people write, what they
mistype, and what only a hostile subscriber sends."""
import random

SEGMENTS = """a b foo users :id :x * ** :x? :x+ :x* {a}? {a}* {:x}? {a:x}+ {:x-}* {a:x.b}? {*}? {a*}+ (.*) ([^\\/]+?)
 (\\d+) :n(\\d+) :n([a-z]*)? (a|b)+ a:b \\:a a%41 %zz é . .. %2e {.} {..} a.b ~ a{b}c {}? ((?:a)) a'<> :é :a:b ^a ;a @ &= 😀
 ((?<n>a)) ((?=a)a) {/}? a* *a :id.json *.json {:a/:b} a( [ } () (?:a) (é) (\\1) a+ ( \\\\""".split()
PROTOCOLS = """https http http{s}? ws wss file ftp * :p foo data urn h* (https?) HTTPS (http|foo) {http}s web+x é 1a {https}?
 (https|) htt%70 (.*) data\\ urn\\""".split()
USERS = [""] * 8 + "u@ u\\:p@ :u@ *@ :u::p@ u\\:*@ (u|v)@ @ u:p@ é@ {u}?@".split()
HOSTS = ["", "ex ample.com", "ex#"] + ["example.com"] * 6 + """* *.example.com {*.}?example.com :s.example.com {:s.}+example.com
 EXAMPLE.com é.com xn--9ca.com faß.de 127.0.0.1 127.1 0x7f.1 [\\:\\:1] [\\:\\:A] [*] [:a] {[}* (a|b).com (\\w+).com
 e%78ample.com a.b.c a{.b}?.c *:* localhost exa\\mple.com % a_b {a.}b :x \\[\\:\\:1] example.com. 1 {:a.:b} [
 ((?:[a-z]+\\.)+)com *.:tld""".split()
PORTS = [""] * 8 + ":8080 :443 :80 :* :0 :080 :(80|8\\d+) ::p :99999 :8x :{80}? : :{8080} :21".split()
QUERIES = [""] * 8 + "? ?* ?a=b ?a=:v \\?a=b ?a=*&b=(\\d+) {?a}? ?? ?' ?é ?:q? ?a# ?{a}+".split()
HASHES = [""] * 8 + "# #* #a #:h #(a|b) ##a #é #{a}? #`".split()
BASES = ["https://example.com/a/b?c#d", "https://example.com", "https://u:p@example.com:8080/x/",
         "http://e.com/a:b/(c)/{d}*+?x", "data:abc", "urn:x:y", "foo://h/p/q", "", "x", "https://[::1]:81/p"]
SOUP = list("abz09/:*?+{}()\\.#@[]|^$-=&%~ ") + "é :// https:// :a (a) {b} \\: \\/ (?: \\d [a]".split()

ATOMS = """a b c 1 . \\d \\w \\W \\s \\S \\D [a-c] [^a] [a-z] [^\\d] \\x61 \\u0062 \\u{63} \\/ \\. [\\w--a] [[a-z]--[b]] [\\w&&\\d]
 [a&&b] [\\q{ab|c}] [\\q{ab|c}--c] [a&b] [\\-a] [^\\q{a}] \\p{L} \\P{L} \\p{Lu} \\p{Script=Latin} \\p{sc=Greek} \\p{ASCII}
 \\p{RGI_Emoji} [\\p{RGI_Emoji}a] \\1 \\2 (?<n>a) (?<n>b|c) (?<m>[ab]) (?:a|b) (?:a|bc) (?=a) (?!b) (?<=a) (?<!a) (?<=a|bc)
 \\b \\B ^ $ (?i:A) (?i:[^b]) (?i:\\u212a) (?i-s:B.) (?s:.) (?m:^a$) [] [^] [\\b] % a{2} {0} | || (?:) (?<\\u0061>a) (?<$>a)
 (?<n>a)|(?<n>b) [[a-c][x-z]] [^[a-c]&&[b-d]] [\\d--[1-5]] [\\W\\w] [^\\W\\w] (?:a|b)\\1 ((?<o>a|b)\\k<o>) \\k<n> \\cA \\0
 \\ud83d\\ude00""".split()
FAULTS = """\\- \\_ [a-\\d] [a--b-c] [&&] [a&&&b] [~~] [-] [^\\q{ab}] [/] [(] [)] \\p{Foo} [^\\p{RGI_Emoji}] \\k<m> (?<=a+)
 (?<=\\1) (?x:a) (?ii:a) (?-:a) [ ] { } * (?>a) (?R) \\z \\A [[:alpha:]] [a-] [\\B] \\8 \\00 \\c \\u{110000} a{,2} a{2,1} {1}
 (?<é>a) (?<1>a) \\k (?<n **""".split()
QUANTIFIERS = [""] * 10 + "* + ? *? +? ?? {2} {1,2} {0,} {2,}? {0}".split()
# For expressions that match often: two letters, and all that can be said about them.
DENSE = """a b ab (?:a|b) [ab] [a-c] (?<n>a) (?<n>a|b) (?<m>b) \\k<n> \\1 \\2 (?=a) (?!a) (?<=a) (?<!b) (?:a|) (?:|b) \\b (?i:a)
 (?i:B) c [^a] \\w .""".split()
LETTERS = "a b c 1 - A B k s ab aa bb ba".split()
FILL = [""] + "a b foo 1 42 ab abc x-y a/b c A é aa bb ba cc K B a.b z9 - %41 s abab a1".split()


class Pairs:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.pick = self.random.choice

    def chance(self, of_one):
        return self.random.random() < of_one

    def regex(self):
        atoms = (self.pick(FAULTS if self.chance(0.05) else ATOMS) + self.pick(QUANTIFIERS)
                 for _ in range(self.random.randint(1, 4)))
        text = "".join(atoms)
        if self.chance(0.3):
            text = f"(?:{text}){self.pick(QUANTIFIERS)}{self.pick(ATOMS)}"
        return text

    def path(self):
        out = ""
        for _ in range(self.random.randint(0, 4)):
            out += self.pick(["/"] * 8 + ["", "{/", "\\/"])
            if self.chance(0.12):
                out += f"{self.pick([':n', ''])}({self.regex()}){self.pick(['', '', '?', '+', '*'])}"
            else:
                # What is at the end of the list is mostly a fault.
                out += self.pick(SEGMENTS if self.chance(0.1) else SEGMENTS[:-13])
        return out

    def tail(self):
        return self.pick(QUERIES) + self.pick(HASHES)

    def pattern(self):
        kind = self.random.random()
        if kind < 0.05:
            return "".join(self.pick(SOUP) for _ in range(self.random.randint(0, 12)))
        if kind < 0.35:
            second = f"/({self.regex()})" if self.chance(0.3) else self.pick(["", "", "", "?", "+", "*"])
            return f"https://example.com/{self.pick(['', '', 'a'])}({self.regex()}){second}"
        if kind < 0.5:
            return self.pick(["", "/", "./", "../", "?", "#", "{/", "*"]) + self.path()[1:] + self.tail()
        if kind < 0.6:
            return self.pick(["data\\:", "urn\\:", "foo:", "mailto\\:", "{foo}:", "*:", "foo\\:/"]) + \
                self.path() + self.tail()
        protocol = self.pick(PROTOCOLS) if self.chance(0.3) else "https"
        slashes = self.pick(["://"] * 12 + [":", ":/", "{://}"])
        return protocol + slashes + self.pick(USERS) + self.pick(HOSTS) + self.pick(PORTS) + self.path() + self.tail()

    def group(self, pattern, at):
        """The end of the parenthesis at `at`, and something for it."""
        depth, end = 1, at
        while end + 1 < len(pattern) and depth:
            end += 1
            if pattern[end] == "\\":
                end += 1
            elif pattern[end] in "()":
                depth += 1 if pattern[end] == "(" else -1
        filled = self.pick(FILL) + (self.pick(FILL) if self.chance(0.3) else "")
        if self.chance(0.3):
            filled = pattern[at + 1:end].split("|")[0].replace("\\", "").replace("?:", "")
        return end, filled

    def topic(self, pattern):
        """Something that the pattern might match: its groups filled, its syntax gone."""
        out, at = "", 0
        while at < len(pattern):
            c, following = pattern[at], pattern[at + 1:at + 2]
            if c == "\\" and following:
                at += 1
                out += following
            elif c == "*":
                out += self.pick(FILL)
            elif c == ":" and following.isalpha():
                while pattern[at + 1:at + 2].isalnum():
                    at += 1
                out += self.pick(FILL)
            elif c == "(":
                at, filled = self.group(pattern, at)
                out += filled
            elif c in "{}" or (c in "?+" and out and pattern[at - 1] in "})ax" and self.chance(0.8)):
                pass
            else:
                out += c
            at += 1
        if self.chance(0.15) and out:
            at = self.random.randrange(len(out))
            out = out[:at] + self.pick(FILL + ["/", "?", "#", ":", "//"]) + out[at + self.random.randint(0, 1):]
        return out

    def rows(self, count, topics=3):
        """[pattern, base or None, topic, ...]"""
        for _ in range(count):
            pattern = self.pattern()
            relative = "://" not in pattern or pattern[:1] in "/?#.*{"
            base = self.pick(BASES) if self.chance(0.8 if relative else 0.3) else None
            others = [self.topic(self.pattern() if self.chance(0.1) else pattern) for _ in range(topics)]
            yield [pattern, base, *others]

    def dense_regex(self, depth=0):
        text = ""
        for _ in range(self.random.randint(1, 4)):
            if depth < 3 and self.chance(0.3):
                inner = self.dense_regex(depth + 1) + ("|" + self.dense_regex(depth + 1) if self.chance(0.4) else "")
                kind = self.pick(["(?:", "(?:", f"(?<x{self.random.randint(0, 9)}>", "(?=", "(?!", "(?i:"])
                text += kind + inner + ")" + ("" if kind in ("(?=", "(?!") else self.pick(QUANTIFIERS))
            else:
                text += self.pick(DENSE if self.chance(0.8) else ATOMS) + self.pick(QUANTIFIERS)
        return text

    def dense_rows(self, count, topics=6):
        for _ in range(count):
            words = ["".join(self.pick(LETTERS) for _ in range(self.random.randint(0, 5))) for _ in range(topics)]
            yield [f"https://e.com/#({self.dense_regex()})", None, *(f"https://e.com/#{word}" for word in words)]
