import Testing

@testable import EmberONNX

/// RE2's syntax, matched against whole texts.
@Suite struct RegularExpressionTests {
  @Test(arguments: [
    ("a*b", "aaab", true), ("a*b", "aaabc", false), ("a|bc", "bc", true), ("(a|b)+c?", "abab", true), ("[a-c]{2,3}", "abca", false),
    ("[a-c]{2,3}", "abc", true), ("[^a-c]", "d", true), ("[^a-c]", "b", false), (#"\d+\.\d*"#, "12.", true), (#"\w+@\w+"#, "a_1@b", true),
    (".", "\n", false), ("(?s).", "\n", true), ("(?i)straße", "STRAßE", true), ("(?i)k", "K", true), ("^a$", "a", true),
    (#"a\b.b"#, "a b", true), (#"a\Bb"#, "ab", true), ("[[:digit:]x]+", "1x2", true), ("[]a]+", "a]", true), ("[a-]+", "-a", true),
    (#"\x41\x{e9}"#, "Aé", true), (#"\Qa+b\E"#, "a+b", true), ("(?P<year>[0-9]{4})", "2024", true), ("a{,2}", "a{,2}", true),
    ("", "", true), ("", "a", false), ("(?:ab)*?", "abab", true), ("a??b", "b", true), (#"[\w.]+"#, "a.b", true), (#"[^\d]+"#, "a1", false),
    ("日本.", "日本語", true),
  ])
  func matches(_ pattern: String, _ text: String, _ expected: Bool) throws {
    #expect(try RegularExpression(pattern).matches(text) == expected)
  }

  @Test(arguments: ["(", ")", "[a", "*a", #"\"#, "a{2,1}", "a{1001}", "(?<a", #"(?=a)"#, #"\1"#, "[z-a]", "[[:nothing:]]"])
  func isRefused(_ pattern: String) { #expect(complaint { try RegularExpression(pattern) } != nil) }

  @Test func timeGrowsWithTheTextAlone() throws {
    // Exponential for a matcher that tries one way after another.
    let expression = try RegularExpression("(a*)*(a|aa)+b")
    #expect(!expression.matches(String(repeating: "a", count: 2000)))
    #expect(complaint { try RegularExpression("((a{1000}){1000}){1000}") }?.contains("too large") == true)
  }
}
