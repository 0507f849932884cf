package runnertest

import "strings"

// Hostile is text that names of pods, messages of servers and values of plans may hold by accident or on purpose: what
// tries to be a command, another output, markup, an image, a call to somebody, or to hide. A test feeds it in and finds that
// none of it got to be what it wants to be.
var Hostile = []string{
	// commands of the runner
	"::set-output name=result::pwned", "x\n::add-mask::x", "x\r::stop-commands::abc", "  ::error::x", "##[set-output name=result]pwned",
	"text ##[add-mask]x", "#\u200b#[error]x", "\ufeff::error::x", "::endgroup::", "%0A::error::x",
	// files of the runner
	"x\n_GitHubActionsFileCommandDelimeter_\nresult=pwned\nz<<_GitHubActionsFileCommandDelimeter_\nq", "\nresult=pwned\n", "a<<EOF\nb\nEOF\nresult=pwned",
	// images
	"![x](http://evil.example/x.png)", "<img src=http://evil.example/x.png>", "![x][y]\n\n[y]: http://evil.example/x.png", `\![x](http://evil.example/x.png)`,
	"<picture><source srcset=http://evil.example/x.png></picture>", "&lt;img src=x&gt;", "&#60;img src=x&#62;",
	// HTML and links
	"<script>alert(1)</script>", "</summary></details>", "<details open>", "-->", "<!--", "<!-- cutover plan: shop -->", "<a href=javascript:alert(1)>x</a>",
	"[x](javascript:alert(1))", "[x]: http://evil.example/", "[x][y]", "<https://evil.example>", "<style>", "<svg/onload=alert(1)>",
	// Markdown
	"# heading", "x\n# heading", "- item", "+ item", "* item", "1. one", "1) one", "x\n---", "---", "===", "> [!CAUTION]\n> fake", "| a | b |\n|---|---|\n| c | d |",
	"a|b", `a\|b`, `\`, "```\n# out\n```", "````\nx\n````", "~~~\nx\n~~~", "    code", "**b**", "_i_", "~~s~~", "`code`", "``", "$$x$$", "$`x`$", "x  \ny",
	// calls to somebody, and issues that a merge would close
	"@team", "@acme/owners", "(@ann)", "&#64;team", "#12", "closes #12", "closes GH-12", "fixes acme/shop#12", "closes https://github.com/acme/shop/issues/12",
	"resolves https://github.com/acme/shop/pull/12", "ann@example.com",
	// what does not show, or shows otherwise
	"\x1b[2J\x1b[31mred", "a\x00b", "\a\b\v\f", "\u202eevil", "x\u2028y", "x\u0085y", "\u2066x\u2069", "\xff\xfe", "",
	// what takes long to read
	strings.Repeat("`", 3000), strings.Repeat("@a ", 2000), strings.Repeat("[", 3000), strings.Repeat("![", 1000), strings.Repeat("<", 3000),
}
