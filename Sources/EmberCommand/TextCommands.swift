import ArgumentParser
import EmberHub
import EmberRuntime
import EmberTensor
import EmberText

/// `ember embed`
struct Embed: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Sentences as vectors. Prints one line of JSON a sentence, or how alike they are.",
    discussion: "Without sentences it reads them from standard input, one a line.")

  @Argument(help: "Sentences.") var sentences: [String] = []
  @Option(help: modelHelp) var model = "minilm"
  @Flag(help: "Print the cosines of the angles between the vectors instead.") var similarity = false

  func run() throws {
    let encoder: SentenceEncoder = try Hub.load(model)
    var texts = sentences
    if texts.isEmpty { while let line = readLine() { texts.append(line) } }
    let vectors = try catchingErrors { try encoder.encode(texts) }
    if similarity {
      let lengths = (vectors * vectors).sum([1], keepDim: true).sqrt()
      let unit = vectors / lengths
      for (row, text) in zip(rows(of: unit.matmul(unit.transpose(0, 1))), texts) {
        print(row.map { NumberText.fixed(Double($0), decimals: 3) }.joined(separator: "  ") + "  " + text)
      }
    } else {
      for row in rows(of: vectors) { print("[" + row.map(JSONText.number).joined(separator: ", ") + "]") }
    }
  }
}

/// The numbers of a matrix, row by row.
func rows(of matrix: Tensor) -> [[Float]] {
  let width = matrix.shape[1], values = matrix.elements(as: Float.self)
  return (0..<matrix.shape[0]).map { Array(values[$0 * width..<($0 + 1) * width]) }
}

/// `ember tokenize`
struct Tokenize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Texts as the token numbers that a model gets. Prints one line of JSON a text.",
    discussion: "Without texts it reads them from standard input, one a line.")

  @Argument(help: "Texts.") var texts: [String] = []
  @Option(help: "A model, as for other commands, or a tokenizer.json.") var model = "minilm"
  @Flag(help: "Leave out the tokens that mark beginnings and ends.") var plain = false
  @Flag(help: "Print the tokens themselves.") var tokens = false
  @Flag(help: "Texts on standard input are JSON strings, so that they may hold line breaks; print the decoded text as well.") var json = false

  func run() throws {
    var tokenizer = model.hasSuffix(".json") ? try Tokenizer(contentsOf: model) : try Hub.load(model, as: Tokenizer.self)
    tokenizer.padding = nil
    tokenizer.truncation = nil
    func show(_ text: String) throws {
      let numbers = try tokenizer.encode(text, addsSpecialTokens: !plain).numbers
      if tokens { return print(numbers.map { tokenizer.token($0) ?? "?" }.joined(separator: " ")) }
      let list = "[" + numbers.map { "\($0)" }.joined(separator: ", ") + "]"
      try print(json ? "{\"numbers\": \(list), \"text\": \(JSONText.quoted(tokenizer.decode(numbers)))}" : list)
    }
    for text in texts { try show(text) }
    while texts.isEmpty, let line = readLine() { try show(json ? JSONText.text(line) : line) }
  }
}
