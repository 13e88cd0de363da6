"""Words that a page, a picture or a file might take for something else than words."""

HTML = [
    "</script><img src=x onerror=document.title='broken'>",
    "<img src=x onerror=document.title='broken'>",
    "<!--<script>",
    "--><svg onload=document.title='broken'>",
    "&lt;b&gt;&amp;&quot;",
    "javascript:document.title='broken'",
    "\"quoted' `${1}`",
    "{{vectors}}",
    r"\u003c\x3c",
]
FORMULAS = ["$$x^2$$", r"\(x\)", "$", "a_b^c", r"\frac", "%s", "@{word}", "$index"]
SCRIPTS = ["日本語", "東京", "猫", "한국어", "שלום", "مرحبا", "हिन्दी", "ไทย", "é", "e\u0301"]
EMOJI = ["👩‍👩‍👧‍👦", "🇯🇵", "👍🏽", "☃️"]
CONTROL = [
    "",
    " ",
    "\t",
    "line\nfeed",
    "nul\0",
    "\u202egnirts",
    "\u200b",
    "\ud800",
    "\u2028",
    "\x1b[31m",
]
NAMES = ["__proto__", "constructor", "toString", "null", "-1", "0"]
LONG = ["w" * 5000, "長" * 5000, "a\u0301" * 2500, "👩‍👩‍👧‍👦" * 700]
ODD_WORDS = [*HTML, *FORMULAS, *SCRIPTS, *EMOJI, *CONTROL, *NAMES, *LONG]
