import Ember
import Foundation

/// A sentence and its dependency tree.
struct Sentence {
  struct Word {
    let form: String
    /// Its part of speech.
    let tag: String
    /// The position of the word that it depends on; nil for the root.
    let head: Int?
    /// How it depends on it.
    let relation: String
  }

  let words: [Word]
  /// Positions of the words that depend on each word.
  let children: [[Int]]
  /// Positions of words that depend on no other.
  let roots: [Int]

  /// Nil if the words are no tree: a head that is none of them, or a circle.
  init?(_ words: [Word]) {
    var children = words.map { _ in [Int]() }, roots: [Int] = []
    for (i, word) in words.enumerated() {
      guard let head = word.head else {
        roots.append(i)
        continue
      }
      guard words.indices.contains(head) else { return nil }
      children[head].append(i)
    }
    var reached = 0, pending = roots
    while let next = pending.popLast() {
      reached += 1
      pending += children[next]
    }
    guard reached == words.count, !words.isEmpty else { return nil }
    self.words = words
    self.children = children
    self.roots = roots
  }
}

/// Google's Turkish Web Treebank: 4,851 sentences from the web and from Wikipedia, each with a tree that people drew.
/// `scripts/setup examples` puts it into `datasets/turkish-treebanks`.
struct Treebank {
  static let defaultFolder = "datasets/turkish-treebanks"

  let training, test: [Sentence]

  /// Every tenth sentence is for testing.
  ///
  /// - Parameter limit: at most so many sentences.
  init(folder: String = defaultFolder, limit: Int = .max) throws {
    var sentences: [Sentence] = []
    for name in ["web", "wiki"] {
      let path = "\(folder)/\(name).conllu"
      guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
        throw EmberError(.file, in: "Treebank", "\(path): cannot be read; scripts/setup examples fetches it")
      }
      sentences += Self.sentences(of: text)
    }
    let chosen = sentences.prefix(limit)
    training = chosen.enumerated().filter { $0.offset % 10 != 9 }.map(\.element)
    test = chosen.enumerated().filter { $0.offset % 10 == 9 }.map(\.element)
  }

  /// Reads the CoNLL-U format: a line a word with ten columns, an empty line after each sentence.
  static func sentences(of text: String) -> [Sentence] {
    text.replacingOccurrences(of: "\r", with: "").components(separatedBy: "\n\n").compactMap { block in
      let words = block.split(separator: "\n").compactMap { line -> Sentence.Word? in
        let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
        guard columns.count == 10, Int(columns[0]) != nil, let head = Int(columns[6]) else { return nil }
        return Sentence.Word(
          form: String(columns[1]), tag: String(columns[4]), head: head == 0 ? nil : head - 1, relation: String(columns[7]))
      }
      return Sentence(words)
    }
  }
}

/// What a network sees of words, as numbers.
struct Alphabet {
  let forms, endings, tags, relations: Vocabulary<String>

  init(_ sentences: [Sentence]) {
    let words = sentences.flatMap(\.words)
    forms = Vocabulary(counting: words.map { $0.form.lowercased() }, unknown: "<unknown>", minimumCount: 3)
    endings = Vocabulary(counting: words.map(Self.ending), unknown: "<unknown>", minimumCount: 3)
    tags = Vocabulary(counting: words.map(\.tag), unknown: "<unknown>")
    relations = Vocabulary(counting: words.map(\.relation))
  }

  /// Much of Turkish grammar is in the last letters.
  static func ending(of word: Sentence.Word) -> String { String(word.form.lowercased().suffix(3)) }

  /// Numbers of forms, endings and tags: [words] each.
  func inputs(_ sentence: Sentence) -> (forms: Tensor, endings: Tensor, tags: Tensor) {
    (
      Tensor(forms.encode(sentence.words.map { $0.form.lowercased() })), Tensor(endings.encode(sentence.words.map(Self.ending))),
      Tensor(tags.encode(sentence.words.map(\.tag)))
    )
  }

  /// Numbers of relations: [words]; -100, which losses leave out, for those that were never seen in training.
  func targets(_ sentence: Sentence) -> Tensor { Tensor(sentence.words.map { relations[$0.relation] ?? -100 }) }
}
