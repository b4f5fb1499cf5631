import Ember

/// The King James Bible as Debian's `sword-text-kjv` installs it, word by word.
struct Bible {
  static let defaultFolder = "/usr/share/sword/modules/texts/ztext/engKJV2006eb"
  static let unknown = "<unknown>", endOfVerse = "<end>"

  let vocabulary: Vocabulary<String>
  /// Of every ten passages of 200 verses, one is kept apart for testing.
  let training, test: [Int]

  /// - Parameter limit: only so many verses.
  init(folder: String = defaultFolder, limit: Int = .max) throws {
    let verses = try SwordText(folder: folder).plainEntries().filter { !$0.isEmpty }.prefix(limit).map(Self.words)
    var parts: (training: [String], test: [String]) = ([], [])
    for (i, verse) in verses.enumerated() {
      if i / 200 % 10 == 9 { parts.test += verse } else { parts.training += verse }
    }
    let vocabulary = Vocabulary(counting: parts.training, unknown: Self.unknown, minimumCount: 3)
    self.vocabulary = vocabulary
    training = vocabulary.encode(parts.training)
    test = vocabulary.encode(parts.test)
  }

  /// Words and punctuation marks of a verse in small letters, and its end.
  static func words(_ verse: String) -> [String] {
    var words: [String] = [], word = ""
    for character in verse.lowercased() {
      if character.isLetter || character == "’" || character == "-" {
        word.append(character)
      } else {
        if !word.isEmpty { words.append(word) }
        word = ""
        if !character.isWhitespace { words.append(String(character)) }
      }
    }
    return words + (word.isEmpty ? [] : [word]) + [endOfVerse]
  }

  /// What guessing words by their frequency alone comes to.
  var unigramPerplexity: Double {
    var counts = [Double](repeating: 1, count: vocabulary.count)
    for word in training { counts[word] += 1 }
    let total = counts.reduce(0, +)
    let tensor = -(Tensor(counts, dtype: .float64) / total).log().indexSelect(0, Tensor(test)).mean()
    return tensor.exp().item()
  }
}

/// A text cut into `streams` rows that are read side by side, `length` words at a time: what follows a batch is in the same row of the
/// next.
struct Streams: Dataset {
  private let rows: Tensor
  let length: Int

  init(_ words: [Int], streams: Int, length: Int) {
    let perStream = words.count / streams
    rows = Tensor(Array(words[..<(perStream * streams)]), shape: [streams, perStream])
    self.length = length
  }

  /// Batches; the last one may be shorter.
  var count: Int { max(0, (rows.shape[1] - 2 + length) / length) }

  /// Words and those that follow them: [streams, length] each.
  func element(at index: Int) throws -> (Tensor, Tensor) {
    let start = index * length, count = min(length, rows.shape[1] - 1 - start)
    return try catchingErrors { (rows.narrow(1, start: start, length: count), rows.narrow(1, start: start + 1, length: count)) }
  }
}
