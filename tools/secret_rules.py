"""What secrets look like: the one rule file of the masking choke point. Data only; it is read by `secret_finder`.

Written from the token formats that the providers publish. A rule has two halves: `head` is what every text is
looked at for, in one pass over all rules; `tail` is the rest of the secret, tried only where a head was seen. Write
heads short, with a literal in them and no open repetition, so that they also fit a database of many patterns.
Secrets without a format of their own (passwords, opaque tokens) are known by their name: `secret_names`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from tools import secret_names

_LEFT = r"(?:\b|_|%[0-9A-Fa-f]{2}|\\[nrtbf]|\\u[0-9A-Fa-f]{4})"
"""Where a token may begin: also behind a URL escape, or a line break that was written as two characters."""
_NEAR = r"(?:\b|[_0-9A-Fa-fnrt])"
"""The character before it, in each of these cases: what is looked for in big blocks is cheaper so."""
_SLASH = r"(?:\\?/|%2[Ff])"
_SPACE = r"(?:\s{1,3}|%20|\+)"
_CLIENT = r"(?:redis|valkey|keydb)-(?:cli|benchmark)\b"
_MARK = r"\\{0,15}['\"`]"
"""A quote, at any depth of escaping."""
_BREAK = r"(?:\s|\\{1,3}[nrt]){0,24}"
"""Between the parts of an object that is printed over several lines, also where the breaks are written out."""
_USER = rf"(?:{_MARK}[^'\"`\\]{{1,64}}{_MARK}[\s,]{{1,3}}{_BREAK})?"
_COMMAND = r"\b(?:[Cc]ommand|COMMAND|cmd|CMD)['\"]?\s{0,2}[:=>]\s{0,2}['\"\[(]?"
_SENT = r"\b(?:command|cmd|request|sending|executing|sent|send|query)['\"]?\s{0,2}[:=>]?\s{0,2}['\"\[(]?"
"""Words before what a client sends."""
_TYPED = r"\b(?:type|command|cmd|name)\s?[=:]\s?AUTH\b"
_OF_SOMEBODY = (
    r"\b(?:password|passwd|passphrase|pwd) (?:for|of) (?:(?:user|account|role|login) )?['\"]?[^\s'\":=]{1,64}"
)
_CRLF = r"(?:\\r\\n|\r?\n)"
_FLAG = r"(?:(?:on|off|reset|resetpass|resetkeys|resetchannels|nopass|sanitize-payload|skip-sanitize-payload|[~&+%#>-]\S*)\s{1,3})"


class Check(Enum):
    """What else a match must be, beyond its pattern."""

    TOKEN = auto()
    """No placeholder of a documentation, and as mixed as `entropy` asks."""
    OPAQUE = auto()
    """As TOKEN, and no word, identifier or UUID: the format says too little."""
    BASIC = auto()
    """Base64 of `user:password`."""
    JWT = auto()
    """Its first part decodes to a JSON object that names an algorithm."""
    DIRECTIVE = auto()
    """As CHOSEN, and no word of a sentence about the setting (`requirepass not configured`)."""
    ARGUMENT = auto()
    """As DIRECTIVE, and no way of authentication (`AUTH PLAIN`) and no word about one."""
    URL = auto()
    """As CHOSEN, and no port that something else follows."""
    CHOSEN = auto()
    """No placeholder; what people choose may be anything."""
    KEY = auto()
    """Something of a key behind the armour."""
    KEY_BASE64 = auto()
    """Base64 of a private key's armour."""


@dataclass(frozen=True, slots=True)
class SecretRule:
    """One format. The secret is head and tail; `before` and `after` stand around it.

    `shown` is how many characters of a fixed provider prefix its mark repeats (at most 4), `entropy` the least
    Shannon entropy, in bits per character, of what follows them.
    """

    kind: str
    head: str
    tail: str = ""
    before: str = ""
    after: str = ""
    caseless: bool = False
    shown: int = 4
    entropy: float = 1.5
    check: Check = Check.TOKEN
    gate: str = ""
    """What to look for first, where the head would be slow: a literal that stands in the middle."""
    anchored: bool = True
    """Whether it begins at the beginning of a word."""

    @property
    def pattern(self) -> str:
        """The whole format for re2; group 1 is the secret."""
        flags, left = "(?i)" if self.caseless else "", _LEFT if self.anchored else ""
        return f"{flags}{left}{self.before}({self.head}{self.tail}){self.after}"

    @property
    def first(self) -> str:
        """What every text with such a secret holds; without flags."""
        return self.gate or f"{_NEAR if self.anchored else ''}{self.before}{self.head}"


class Gate(NamedTuple):
    """A pattern that some part of every text with such a secret matches.

    No look-around and no back reference: for re2, hyperscan and their like, on UTF-8 bytes.
    """

    kind: str
    pattern: str
    caseless: bool


_R = SecretRule
_W = "[A-Za-z0-9]"
_B = "[A-Za-z0-9_-]"
_HEX = "[0-9a-f]"
_B64 = "(?:[A-Za-z0-9+/_-]|%2[BbFf])"
_PADDING = "(?:=|%(?:25)?3[Dd])"
_DOLLAR = r"(?:\$|%24)"

CLOUDS = (
    _R("aws-access-key", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{8}", r"[A-Z2-7]{8}\b"),
    _R("aws-session-token", r"(?:IQoJb3JpZ2lu|F[wQ]oGZXIvYXdz)", rf"(?:{_B64}|{_PADDING}){{40,}}"),
    _R("aws-bedrock-key", rf"ABSK{_W}{{8}}", r"[A-Za-z0-9+/]{100,}={0,2}"),
    _R("google-api-key", rf"AIza{_B}{{8}}", rf"{_B}{{27}}"),
    _R("google-oauth-token", rf"ya29\.{_B}{{8}}", rf"{_B}{{12,}}"),
    _R("google-refresh-token", rf"1{_SLASH}{_SLASH}0{_B}{{8}}", rf"{_B}{{30,}}"),
    _R("google-client-secret", rf"GOCSPX-{_B}{{8}}", rf"{_B}{{20}}"),
    _R("azure-client-secret", r"[A-Za-z0-9_~.-]{3}\dQ~", r"[A-Za-z0-9_~.-]{31,34}", gate=r"\dQ~[A-Za-z0-9_~.-]{8}", shown=0),
    _R("azure-devops-token", rf"{_W}{{76}}AZDO", rf"{_W}{{4}}\b", gate=rf"{_W}{{8}}AZDO{_W}{{4}}", shown=0),
    _R("azure-redis-key", rf"{_W}{{33}}AzCa", rf"[A-P]{_W}{{5}}(?:=|%3[Dd])", gate=rf"{_W}{{8}}AzCa[A-P]{_W}{{5}}", shown=0),
    _R("azure-sas-signature", rf"{_W}{{4}}", rf"(?:{_B64}|{_PADDING}){{36,}}", before=r"(?:[?&;]|%3F|%26)sig(?:=|%3D)", anchored=False, shown=0),
    _R("digitalocean-token", rf"do[opr]_v1_{_HEX}{{8}}", rf"{_HEX}{{56}}\b"),
    _R("cloudflare-token", rf"cf(?:k|ut|at)_{_W}{{8}}", rf"{_B}{{32,}}"),
    _R("cloudflare-origin-key", rf"v1\.0-{_HEX}{{24}}-", rf"{_HEX}{{146}}\b"),
    _R("heroku-key", rf"HRKU-{_B}{{8}}", rf"{_B}{{28,}}"),
    _R("flyio-token", rf"(?:fo1_|fm[12][ar]?_){_B}{{8}}", r"[A-Za-z0-9+/=_-]{35,}"),
    _R("netlify-token", rf"nf[cpobu]_{_W}{{8}}", rf"{_W}{{28,}}"),
    _R("vercel-token", rf"vc[aikpr]_{_W}{{8}}", rf"{_W}{{16,}}"),
    _R("alibaba-access-key", rf"LTAI{_W}{{8}}", rf"{_W}{{4,16}}\b"),
)  # fmt: skip

CODE_AND_BUILD = (
    _R("github-token", rf"gh[pousr]_{_W}{{8}}", rf"{_W}{{28,}}\b"),
    _R("github-app-token", rf"ghs_{_W}{{1,32}}_eyJ{_B}{{8}}", r"[A-Za-z0-9_.-]{28,}"),
    _R("github-pat", rf"github_pat_{_W}{{8}}", r"[A-Za-z0-9_]{14,}"),
    _R("gitlab-token", rf"gl(?:pat|dt|rt|rtr|cbt|ptt|ft|soat|agent|oas|imt|ffct|wt)-{_B}{{8}}", rf"{_B}{{12,}}(?:\.[0-9a-z]{{2,9}}){{0,2}}"),
    _R("gitlab-runner-token", rf"GR1348941{_B}{{8}}", rf"{_B}{{12,}}"),
    _R("bitbucket-token", rf"ATBB{_B}{{8}}", rf"(?:[A-Za-z0-9_-]|{_PADDING}){{20,}}"),
    _R("atlassian-token", rf"AT[AC]TT3{_B}{{8}}", rf"(?:[A-Za-z0-9_-]|{_PADDING}){{50,}}"),
    _R("npm-token", rf"npm_{_W}{{8}}", rf"{_W}{{28}}\b"),
    _R("pypi-token", rf"pypi-AgE{_B}{{8}}", rf"{_B}{{42,}}"),
    _R("rubygems-key", rf"rubygems_{_HEX}{{8}}", rf"{_HEX}{{40}}\b"),
    _R("crates-token", rf"cio{_W}{{8}}", rf"{_W}{{24}}\b", entropy=3.0),
    _R("nuget-key", r"oy2[a-z0-9]{8}", r"[a-z0-9]{35}\b"),
    _R("dockerhub-token", rf"dckr_(?:pat|oat)_{_B}{{8}}", rf"{_B}{{19,}}"),
    _R("circleci-token", rf"CCI(?:PAT|PRJ)_{_W}{{8}}", rf"{_W}{{14}}_{_HEX}{{40}}\b"),
    _R("buildkite-token", rf"bk(?:ua|ct|aj|pt)_{_W}{{8}}", rf"{_W}{{32,}}\b"),
    _R("sonar-token", rf"sq[apu]_{_HEX}{{8}}", rf"{_HEX}{{32}}\b"),
    _R("pulumi-token", rf"pul-{_HEX}{{8}}", rf"{_HEX}{{32}}\b"),
    _R("terraform-token", rf"{_W}{{14}}\.atlasv1\.", r"[A-Za-z0-9_=-]{60,}", gate=rf"{_W}{{4}}\.atlasv1\.", shown=0),
    _R("vault-token", rf"hv[sbr]\.{_B}{{8}}", rf"{_B}{{16,}}"),
    _R("doppler-token", r"dp\.(?:pt|st|ct|sa|scim|audit)\.", rf"(?:{_B}{{2,35}}\.)?{_W}{{40,44}}\b"),
    _R("onepassword-token", rf"ops_eyJ{_B}{{8}}", r"[A-Za-z0-9_=-]{80,}"),
    _R("age-key", r"AGE-SECRET-KEY-1[A-Z0-9]{8}", r"[A-Z0-9]{50}\b"),
    _R("snyk-token", rf"snyk_(?:uat|sat)\.{_W}{{4}}", r"[A-Za-z0-9_.-]{20,}"),
    _R("postman-key", rf"PMAK-{_HEX}{{8}}", rf"{_HEX}{{16}}-{_HEX}{{34}}\b"),
)  # fmt: skip

MESSAGES = (
    _R("slack-token", rf"xox(?:[abcdeoprs]|e\.xox[abp])-{_B}{{8}}", rf"(?:{_B64}|{_PADDING}){{2,}}"),
    _R("slack-app-token", rf"x(?:app|wfp)-\d-{_B}{{8}}", rf"{_B}{{12,}}"),
    _R("slack-webhook", rf"{_W}{{4}}", rf"{_B64}{{12,}}", before=rf"hooks\.slack\.com{_SLASH}(?:services|workflows|triggers){_SLASH}", shown=0),
    _R("teams-webhook", rf"{_HEX}{{8}}", r"(?:[A-Za-z0-9@/-]|%40|%2[Ff]){52,}", before=rf"webhook\.office\.com{_SLASH}webhookb2{_SLASH}", shown=0),
    _R("discord-webhook", rf"{_B}{{8}}", rf"{_B}{{32,}}", before=rf"discord(?:app)?\.com{_SLASH}api{_SLASH}(?:v\d{{1,2}}{_SLASH})?webhooks{_SLASH}\d{{16,20}}{_SLASH}", shown=0),
    _R("discord-token", rf"[MNO]{_B}{{23,27}}\.{_B}{{6}}\.", rf"{_B}{{27,40}}\b", shown=0, entropy=3.5),
    _R("telegram-bot-token", r"\d{8,10}(?::|%3[Aa])A[A-Za-z0-9_-]{8}", r"[A-Za-z0-9_-]{26}\b", before="(?:bot)?", shown=0),
    _R("sendgrid-key", rf"SG\.{_B}{{22}}\.", rf"{_B}{{43}}", gate=rf"SG\.{_B}{{8}}", shown=3),
    _R("mailgun-key", rf"key-{_HEX}{{8}}", rf"{_HEX}{{24}}\b"),
    _R("mailchimp-key", rf"{_HEX}{{32}}-us", r"\d{1,2}\b", gate=rf"{_HEX}{{8}}-us\d", shown=0),
    _R("brevo-key", rf"x(?:key|smtp)sib-{_HEX}{{8}}", rf"{_HEX}{{56}}-{_W}{{16}}\b"),
    _R("resend-key", rf"re_{_W}{{8}}_", rf"{_W}{{20,}}\b", shown=3),
    _R("twilio-key", rf"SK{_HEX}{{8}}", rf"{_HEX}{{24}}\b", shown=2),
    _R("intercom-token", r"dG9rO[jm][A-Za-z0-9+/]{8}", r"[A-Za-z0-9+/]{40,}={0,2}"),
)  # fmt: skip

PAYMENT_AND_SHOPS = (
    _R("stripe-key", rf"[rs]k_(?:live|test|prod|org_live|org_test)_{_W}{{8}}", rf"{_W}{{2,}}\b"),
    _R("stripe-webhook-secret", r"whsec_[A-Za-z0-9+/]{8}", r"[A-Za-z0-9+/]{12,}={0,2}"),
    _R("paypal-token", rf"access_token{_DOLLAR}(?:production|sandbox){_DOLLAR}", rf"[0-9a-z]{{16}}{_DOLLAR}{_HEX}{{32}}\b"),
    _R("plaid-token", rf"access-(?:production|sandbox|development)-{_HEX}{{8}}-", rf"{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}\b"),
    _R("flutterwave-key", rf"FLWSECK(?:_TEST)?-{_W}{{8}}", rf"{_W}{{4,}}(?:-X)?"),
    _R("shopify-token", r"shp(?:at|ca|pa|ss|ua)_[0-9a-fA-F]{8}", r"[0-9a-fA-F]{24}\b"),
    _R("square-token", rf"(?:sq0(?:atp|csp)-|EAAA){_B}{{8}}", rf"{_B}{{14,60}}"),
)  # fmt: skip

MODELS = (
    _R("anthropic-key", rf"sk-ant-{_B}{{8}}", rf"{_B}{{12,}}"),
    _R("openai-key", rf"sk-(?:proj|svcacct|admin|None)-{_B}{{8}}", rf"{_B}{{24,}}"),
    _R("openai-key", rf"sk-{_W}{{8}}", rf"{_B}{{12,}}T3BlbkFJ{_B}{{20,}}", gate=rf"{_W}{{4}}T3BlbkFJ{_W}{{4}}"),
    _R("openai-key", rf"sk-{_W}{{8}}", rf"{_W}{{40}}\b"),
    _R("openrouter-key", rf"sk-or-v1-{_HEX}{{8}}", rf"{_HEX}{{56}}\b"),
    _R("langfuse-key", rf"sk-lf-{_HEX}{{8}}-", rf"{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}\b"),
    _R("langsmith-key", rf"lsv2_(?:pt|sk)_{_HEX}{{8}}", rf"{_HEX}{{24}}_{_HEX}{{10}}\b"),
    _R("groq-key", rf"gsk_{_W}{{8}}", rf"{_W}{{40,}}\b"),
    _R("xai-key", rf"xai-{_W}{{8}}", rf"{_W}{{60,}}\b"),
    _R("perplexity-key", rf"pplx-{_W}{{8}}", rf"{_W}{{32,}}\b"),
    _R("nvidia-key", rf"nvapi-{_B}{{8}}", rf"{_B}{{52,}}"),
    _R("elevenlabs-key", rf"sk_{_HEX}{{8}}", rf"{_HEX}{{40}}\b", shown=3),
    _R("huggingface-token", r"(?:hf|api_org)_[A-Za-z]{8}", r"[A-Za-z]{26}\b", shown=3),
    _R("replicate-token", rf"r8_{_W}{{8}}", rf"{_W}{{29}}\b", shown=3),
    _R("pinecone-key", rf"pcsk_{_W}{{6}}", r"[A-Za-z0-9_]{44,}"),
)  # fmt: skip

DATA_AND_MONITORING = (
    _R("databricks-token", rf"(?:dapi|dose|dkea){_HEX}{{8}}", rf"{_HEX}{{24}}(?:-\d)?\b"),
    _R("planetscale-token", rf"pscale_(?:tkn|pw|oauth|api)_{_B}{{8}}", r"[A-Za-z0-9_.=-]{24,}"),
    _R("supabase-token", rf"(?:sbp_{_HEX}{{8}}|sb_secret_{_B}{{8}})", rf"{_B}{{12,}}"),
    _R("neon-key", r"napi_[a-z0-9]{8}", r"[a-z0-9]{56}\b"),
    _R("mongodb-atlas-secret", rf"mdb_sa_sk_{_B}{{8}}", rf"{_B}{{24,}}"),
    _R("newrelic-key", rf"NR(?:AK|AA|II|IQ|SP)-{_B}{{8}}", rf"{_B}{{19,}}"),
    _R("newrelic-license-key", rf"(?:eu01xx)?{_HEX}{{30,36}}(?:FFFF)?NRAL", r"\b", gate=rf"{_HEX}{{8}}(?:FFFF)?NRAL", shown=0),
    _R("grafana-token", rf"glsa_{_W}{{8}}", rf"{_W}{{24}}_[0-9a-fA-F]{{8}}\b"),
    _R("grafana-cloud-token", r"glc_[A-Za-z0-9+/]{8}", r"[A-Za-z0-9+/=]{24,}"),
    _R("sentry-token", r"sntry[a-z]_[A-Za-z0-9+/]{8}", r"[A-Za-z0-9+/=_-]{32,}"),
    _R("dynatrace-token", r"dt0[a-z]\d\d\.[A-Z2-7]{8}", r"[A-Z2-7]{16}\.[A-Z2-7]{64}\b"),
    _R("tailscale-key", rf"tskey-[a-z]{{2,12}}-{_W}{{6}}", r"[A-Za-z0-9-]{10,}"),
)  # fmt: skip

OFFICE = (
    _R("linear-key", rf"lin_(?:api|oauth|wh)_{_W}{{8}}", rf"{_W}{{32,}}\b"),
    _R("notion-token", rf"ntn_{_W}{{8}}", rf"{_W}{{32,}}\b"),
    _R("notion-token", rf"secret_{_W}{{8}}", rf"{_W}{{35}}\b", entropy=3.5),
    _R("figma-token", rf"fig[dor]_{_B}{{8}}", rf"{_B}{{32,}}"),
    _R("airtable-token", rf"pat{_W}{{14}}\.", rf"{_HEX}{{64}}\b", shown=3),
    _R("clickup-token", r"pk_\d{1,12}_[A-Z0-9]{8}", r"[A-Z0-9]{24}\b", shown=3),
    _R("contentful-token", rf"CFPAT-{_B}{{8}}", rf"{_B}{{35,}}"),
    _R("typeform-token", rf"tfp_{_B}{{8}}", rf"{_B}{{32,}}"),
    _R("hubspot-token", rf"pat-(?:na|eu|ap)\d-{_HEX}{{8}}-", rf"{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}\b"),
    _R("dropbox-token", rf"sl\.(?:u\.)?{_B}{{8}}", rf"{_B}{{120,}}", shown=3),
)  # fmt: skip

_ARMOUR = rf"-----BEGIN(?:[A-Z0-9]|{_SPACE}){{0,30}}PRIVATE{_SPACE}KEY"
_ARMOUR_END = rf"-----END(?:[A-Z0-9]|{_SPACE}){{0,30}}PRIVATE{_SPACE}KEY(?:{_SPACE}BLOCK)?-----"
_ARMOUR_BODY = (
    r"(?:(?:\s|\\+[rn])*(?:Proc-Type|DEK-Info|Version|Comment|Hash): [^\r\n\\\"]*)*"
    r"(?:[A-Za-z0-9+/=\s%]|\\+[nrtu/])*"
)

ANYWHERE = (
    _R("private-key", _ARMOUR, rf"(?:{_SPACE}BLOCK)?-----{_ARMOUR_BODY}(?:{_ARMOUR_END})?", anchored=False, shown=0, check=Check.KEY),
    _R("private-key", r"LS0tLS1CRUdJTi[A-Za-z0-9+/]{8}", r"[A-Za-z0-9+/=]{32,}", shown=0, check=Check.KEY_BASE64),
    _R("jwt", rf"eyJ{_B}{{8}}", rf"{_B}{{4,}}\.{_B}*(?:\.{_B}*){{0,3}}", shown=0, check=Check.JWT),
    _R("url-credentials", r"[^\s/\"'<>\\?#]", r"[^\s/\"'<>\\?#]*", after=r"@[a-z0-9.\[_-]", gate=r":(?:\\{0,7}/|\\{1,7}u002f){2}[^\s:/@\"'<>\\?#]{0,128}:[^\s/\"'<>\\?#]+@", before=r"[a-z][a-z0-9+.-]{1,20}:(?:\\{0,7}/|\\{1,7}u002f){2}[^\s:/@\"'<>\\?#]{0,128}:", caseless=True, shown=0, check=Check.URL),
    _R("url-credentials", r"[^\s&\"'/%]", r"[^\s&\"'/]*?", after="%40[a-z0-9]", before=r"%3A%2F%2F[^\s:/@&\"'%]{0,128}%3A", caseless=True, anchored=False, shown=0, check=Check.CHOSEN),
    _R("url-credentials", r"[^\s@:,/\"'{}$]", r"[^\s@:,/\"'{}]{0,200}", after=r"@(?:tcp|unix)\(", before=r"[\w.-]{1,64}:", shown=0, check=Check.CHOSEN, gate=r"@(?:tcp|unix)\("),
    _R("bearer-token", r"[A-Za-z0-9._~+/=-]{8}", r"[A-Za-z0-9._~+/=-]{8,}", before=rf"bearer{_SPACE}", caseless=True, shown=0, check=Check.OPAQUE),
    _R("bearer-token", r"[A-Za-z0-9._~+/=-]{8}", r"[A-Za-z0-9._~+/=-]{8,}", before=rf"token{_SPACE}", caseless=True, shown=0, check=Check.OPAQUE, entropy=3.0),
    _R("basic-credentials", r"[A-Za-z0-9+/_-]{8}", r"[A-Za-z0-9+/_-]*={0,2}", before=rf"basic{_SPACE}", caseless=True, shown=0, check=Check.BASIC),
    _R("signed-url", rf"{_HEX}{{8}}", rf"{_HEX}{{56,}}", before=r"X-(?:Amz|Goog)-Signature(?:=|%3D)", caseless=True, shown=0),
)  # fmt: skip

ON_COMMAND_LINES = (
    _R("password", r"\d{0,64}[^\s\d'\"/]", r"[^\s'\"]{2,}", before=r"curl\b[^\n]{0,300}\s(?:-u|--user)[ =]['\"]?[^\s:'\"]{1,64}:", gate=r"\bcurl\b", shown=0, check=Check.CHOSEN),
    _R("password", r"[^\s'\"]{3}", r"[^\s'\"]*", before=rf"{_CLIENT}[^\n]{{0,200}}\s(?:-a|--pass)\s{{1,3}}['\"]?", gate=_CLIENT, shown=0, check=Check.CHOSEN),
    _R("password", r"[^\s'\"]{3}", r"[^\s'\"]*", before=r"(?:mysql(?:dump|admin)?|mariadb)\b[^\n]{0,200}\s-p['\"]?", gate=r"(?:mysql|mariadb)\w{0,5}\s", shown=0, check=Check.CHOSEN),
    _R("password", r"[^\s'\"]{3}", r"[^\s'\"]*", before=r"sshpass\s{1,3}-p\s{0,3}['\"]?", shown=0, check=Check.CHOSEN),
    _R("password", r"[^\s'\"]{3}", r"[^\s'\"]*", before=r"HELLO['\"]?\s{1,3}['\"]?[23]['\"]?\s{1,3}['\"]?AUTH['\"]?\s{1,3}['\"]?[^\s'\"]{1,64}['\"]?\s{1,3}['\"]?", gate=r"HELLO['\"]?\s{1,3}['\"]?[23]", shown=0, caseless=True, check=Check.CHOSEN),
    _R("password", r"[^\s'\"]{3}", r"[^\s'\"]*", before=r"SETUSER['\"]?\s[^\n]{1,200}?\s['\"]?>", gate=r"SETUSER", shown=0, caseless=True, check=Check.CHOSEN),
    _R("password", r"[^\s'\"]{3}", r"[^\s'\"]*", before=rf"{_CLIENT}[^\n]{{0,200}}\sAUTH\s{{1,3}}(?:[^\s'\"]{{1,64}}\s{{1,3}})?['\"]?", gate=rf"{_CLIENT}[^\n]{{0,200}}\sAUTH", shown=0, caseless=True, check=Check.CHOSEN),
    _R("password", r"[A-Za-z0-9+/]{6}", r"[A-Za-z0-9+/]{2,}={0,2}", before=r"\bAUTH (?:PLAIN|LOGIN) ", shown=0, check=Check.OPAQUE),
    _R("password", r"[^\s'\"]{3}", r"[^\s'\"]*", before=r"auth-pass['\"]?\s{1,3}['\"]?[^\s'\"]{1,64}['\"]?\s{1,3}['\"]?", gate=r"auth-pass", shown=0, caseless=True, check=Check.OPAQUE),
    _R("password", r"[^\s'\"]{6}", r"[^\s'\"]*", before=r"\b(?:password|passwd|passphrase|passcode|pwd) (?:is|was|set to|changed to):?\s{1,2}['\"]?", gate=r"\b(?:password|passwd|passphrase|passcode|pwd) (?:is|was|set|changed)", shown=0, caseless=True, check=Check.OPAQUE),
    _R("password", r"[^\s'\"]{3}", r"[^\s'\"]*", before=r"(?:requirepass|masterauth|key-file-pass)['\"]?\s{1,3}['\"]?", shown=0, caseless=True, check=Check.OPAQUE),
    _R("password", r"[^\s'\"]{3}", r"[^\s'\"]*", before=r"(?:--|config['\"]?\s{1,3}['\"]?set['\"]?\s{1,3}['\"]?|(?:^|\n)\s{0,8})(?:requirepass|masterauth|key-file-pass)['\"]?\s{1,3}['\"]?", after=r"(?:['\"\s]|$)", gate=r"(?:requirepass|masterauth|key-file-pass)['\"]?\s", shown=0, caseless=True, anchored=False, check=Check.DIRECTIVE),
    _R("password", r"[^\s'\"]{3}", r"[^\s'\"]*", before=r"sentinel['\"]?\s{1,3}['\"]?set['\"]?\s[^\n]{1,200}\s['\"]?auth-pass['\"]?\s{1,3}['\"]?", gate=r"auth-pass", shown=0, caseless=True, check=Check.CHOSEN),
    _R("password", r"[^\s'\"]{3}", r"[^\s'\"]*", before=rf"user\s{{1,3}}[^\s'\"]{{1,64}}\s{{1,3}}{_FLAG}+>", gate=r"user\s{1,3}[^\s'\"]{1,64}\s{1,3}(?:o|r|n|s|[~&+%#-])[^\n]{0,200}\s>", shown=0, check=Check.CHOSEN),
    _R("password", r"[^'\"`\\]{3}", r"[^'\"`\\]*", before=rf"name{_MARK}?\s{{0,2}}:\s{{0,2}}{_MARK}auth{_MARK}\s{{0,2}},{_BREAK}{_MARK}?args{_MARK}?\s{{0,2}}:\s{{0,2}}\[{_BREAK}{_USER}{_MARK}", after=_MARK, gate=rf"{_MARK}auth{_MARK}\s{{0,2}},", shown=0, caseless=True, check=Check.CHOSEN),
    _R("password", r"[^'\"`\\]{3}", r"[^'\"`\\]*", before=rf"[\s\[(,]{_MARK}[23]{_MARK}[\s,]{{1,3}}{_MARK}AUTH{_MARK}[\s,]{{1,3}}{_MARK}[^'\"`\\]{{1,64}}{_MARK}[\s,]{{1,3}}{_MARK}", after=_MARK, gate=rf"{_MARK}AUTH{_MARK}[\s,]", anchored=False, shown=0, caseless=True, check=Check.CHOSEN),
    _R("password", r"[^'\"`\\]{3}", r"[^'\"`\\]*", before=rf"[\s\[(]{_MARK}AUTH{_MARK},\s{{0,3}}{_USER}{_MARK}", after=rf"{_MARK}\s{{0,3}}\]", gate=rf"{_MARK}AUTH{_MARK},", anchored=False, shown=0, caseless=True, check=Check.OPAQUE),
    _R("password", r"[^'\"`\\]{3}", r"[^'\"`\\]*", before=rf"unknown command {_MARK}AUTH{_MARK},? with args beginning with: {_USER}{_MARK}", after=_MARK, gate=rf"unknown command {_MARK}AUTH", shown=0, caseless=True, check=Check.CHOSEN),
    _R("password", r"[^'\"]{3}", r"[^'\"]*", before=r"\bauth\(\[ ?(?:['\"][^'\"]{1,64}['\"], ?)?['\"]", after=r"['\"] ?\]", shown=0, check=Check.CHOSEN),
    _R("password", r"[^\s'\"]{3}", r"[^\s'\"]*", before=rf"{_COMMAND}AUTH\s{{1,3}}", gate=rf"{_COMMAND}AUTH\s", shown=0, check=Check.ARGUMENT),
    _R("password", r"[^\s'\"]{3}", r"[^\s'\"]*", before=rf"{_COMMAND}AUTH\s{{1,3}}[^\s'\"]{{1,64}}\s{{1,3}}", after=r"(?:['\"\])]|\s*$)", gate=rf"{_COMMAND}AUTH\s", shown=0, check=Check.ARGUMENT),
    _R("password", r"[^\s'\"]{6}", r"[^\s'\"]*", before=rf"{_SENT}AUTH\s{{1,3}}(?:[^\s'\"]{{1,64}}\s{{1,3}})?", gate=rf"{_SENT}AUTH\s", shown=0, caseless=True, check=Check.OPAQUE),
    _R("password", r"[^\s'\"]{6}", r"[^\s'\"]*", before=rf"{_SENT}AUTH\s{{1,3}}", gate=rf"{_SENT}AUTH\s", shown=0, caseless=True, check=Check.OPAQUE),
    _R("password", r"[^\s,\]'\"]{3}", r"[^\s,\]'\"]*", before=rf"{_TYPED}[^\n]{{0,200}}\bargs\s?[=:]\s?[\w.]{{0,40}}\s?\[\s?(?:[^\s,\]'\"]{{1,64}},\s?)?", after=r"\s?\]", gate=_TYPED, shown=0, check=Check.CHOSEN),
    _R("password", r"[^\s'\"]{6}", r"[^\s'\"]*", before=r"--auth(?:=|\s{1,3})['\"]?", anchored=False, shown=0, check=Check.OPAQUE),
    _R("password", r"[^\s'\"/]{3}", r"[^\s'\"]*", before=r"--auth(?:=|\s{1,3})['\"]?[\w.-]{1,64}:", gate=r"--auth[=\s]", anchored=False, shown=0, check=Check.CHOSEN),
    _R("password", r"[^\s'\"]{6}", r"[^\s'\"]*", before=rf"{_OF_SOMEBODY}['\"]?\s?[:=]\s{{0,3}}", gate=_OF_SOMEBODY, shown=0, caseless=True, check=Check.OPAQUE),
    _R("password", r"[^'\"]{3}", r"[^'\"]*", before=rf"{_OF_SOMEBODY}['\"]?\s?[:=]\s{{0,3}}['\"]", after=r"['\"]", gate=_OF_SOMEBODY, shown=0, caseless=True, check=Check.CHOSEN),
    _R("password", r"[^\s\\]{3}", r"[^\s\\]*", before=rf"AUTH{_CRLF}(?:\$\d{{1,4}}{_CRLF}[^\s\\]{{1,64}}{_CRLF})?\$\d{{1,4}}{_CRLF}", after=_CRLF, gate=rf"AUTH{_CRLF}", anchored=False, caseless=True, shown=0, check=Check.CHOSEN),
    _R("password", r"[^']{3}", r"[^']*", before=r"(?:USER|ROLE)\s[^\n]{1,200}?\sPASSWORD\s{1,3}'", after="'", gate=r"PASSWORD\s{1,3}'", shown=0, caseless=True, check=Check.CHOSEN),
    _R("password", r"[^\s\"(]{3}", r"[^\"]*", before=r"\"AUTH\"\s(?:\"[^\"]{1,64}\"\s)?\"", after=r"\"", gate=r"\"AUTH\"\s\"", anchored=False, shown=0, caseless=True, check=Check.ARGUMENT),
    _R("password", r"[^\s'\"]{6}", r"[^\s'\"]*", before=r"password (?:is|was) generated for [^\s:]{1,64}:\s{1,3}", gate="password (?:is|was) generated for ", shown=0, caseless=True, check=Check.OPAQUE),
    _R("password", r"[^\s'\"]{6}", r"[^\s'\"]*", before=r"password for the \w{1,40} user[^:\n]{0,120}:\s{1,3}", gate=r"password for the \w{1,40} user", shown=0, caseless=True, check=Check.OPAQUE),
    _R("vault-unseal-key", r"[A-Za-z0-9+/]{8}", r"[A-Za-z0-9+/]{24,}={0,2}", before=rf"Unseal{_SPACE}Key{_SPACE}\d{{1,2}}(?::|%3[Aa]){_SPACE}", gate=rf"Unseal{_SPACE}Key{_SPACE}\d", shown=0, entropy=3.0),
    _R("password", r"[^'\"]{3}", r"[^'\"]*", before=r"IDENTIFIED\s{1,3}BY\s{1,3}['\"]", shown=0, caseless=True, check=Check.CHOSEN),
)  # fmt: skip

RULES: tuple[SecretRule, ...] = (
    *CLOUDS, *CODE_AND_BUILD, *MESSAGES, *PAYMENT_AND_SHOPS, *MODELS, *DATA_AND_MONITORING, *OFFICE, *ANYWHERE, *ON_COMMAND_LINES,
)  # fmt: skip
"""Of two that find the same characters, the earlier one names them."""


def gates() -> tuple[Gate, ...]:
    """What to look for in a text: where none is found, no rule finds a secret.

    The lines of a private key after its first are the exception: they hold nothing that could be looked for
    (`masking.LineMasker`).
    """
    return (
        *(Gate(rule.kind, rule.first, rule.caseless) for rule in RULES),
        *(Gate("named", pattern, caseless=True) for pattern in secret_names.GATES),
    )
