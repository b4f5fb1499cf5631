import Testing

@testable import EmberCommand

/// Texts of files and servers on a terminal.
@Suite struct TerminalTextTests {
  @Test func noCharacterSteersTheTerminal() {
    #expect(terminalLine("a\u{1B}[2Jb\nc\u{202E}d\u{9B}e", limit: 100) == "a\\u{1b}[2Jb\\nc\\u{202e}d\\u{9b}e")
    #expect(terminalLine(String(repeating: "é", count: 101), limit: 100) == String(repeating: "é", count: 100) + "…")
  }

  @Test func columnsAreAligned() {
    #expect(tableLines([["a", "bb", "c"], ["aaa", "b", ""]]) == ["a    bb  c", "aaa  b   "])
    #expect(tableLines([["x\ty", "z"]]) == ["x\\u{9}y  z"])
    #expect(tableLines([]).isEmpty)
    // A long entry leaves the others where they are.
    let long = String(repeating: "n", count: 200)
    #expect(tableLines([["abc", "d"]], limit: 2) == ["ab…  d"])
    #expect(tableLines([[long, "1"], ["n", "2"]]) == [long + "  1", "n" + String(repeating: " ", count: 81) + "2"])
  }
}
