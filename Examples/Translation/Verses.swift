import Ember

/// Verses in English (King James) and Spanish (Reina-Valera, 1909), as Debian's `sword-text-kjv` and `sword-text-sparv` install them.
struct Verses {
  static let defaultFolder = "/usr/share/sword/modules/texts/ztext"
  /// Beginning and end of a verse, and what fills up short ones; numbers after those of the pieces of words.
  struct Marks {
    let start, end, padding: Int
  }

  let source, target: BytePairEncoding
  let marks: Marks
  /// Pairs of verses as numbers, without marks.
  let training, test: [(source: [Int], target: [Int])]

  /// Numbers of pieces and marks, the same for both languages.
  var vocabularySize: Int { marks.padding + 1 }

  /// - Parameters:
  ///   - pieces: how many pieces of words each language has.
  ///   - longest: verses with more pieces in one of the languages are left out.
  ///   - limit: only so many verses.
  init(folder: String = defaultFolder, pieces: Int = 3000, longest: Int = 50, limit: Int = .max) throws {
    func load(_ name: String) throws -> [String] { try SwordText(folder: "\(folder)/\(name)").plainEntries() }
    let (english, spanish) = (try load("engKJV2006eb"), try load("spaRV1909eb"))
    guard english.count == spanish.count else {
      throw EmberError(.file, in: "Verses", "\(english.count) English and \(spanish.count) Spanish entries: not the same versification")
    }
    let pairs = zip(english, spanish).filter { !$0.isEmpty && !$1.isEmpty }.prefix(limit)
    let source = BytePairEncoding(training: pairs.map(\.0), vocabularySize: pieces)
    let target = BytePairEncoding(training: pairs.map(\.1), vocabularySize: pieces)
    let size = max(source.vocabularySize, target.vocabularySize)
    self.source = source
    self.target = target
    marks = Marks(start: size, end: size + 1, padding: size + 2)
    // A space before the first word makes it the same piece as elsewhere.
    let numbers = pairs.map { (source: source.encode(" " + $0), target: target.encode(" " + $1)) }
      .filter { $0.source.count <= longest && $0.target.count <= longest }
    // One of forty verses is for testing.
    training = numbers.enumerated().filter { $0.offset % 40 != 39 }.map(\.element)
    test = numbers.enumerated().filter { $0.offset % 40 == 39 }.map(\.element)
  }

  /// A batch: sources and targets [batch, time], filled up at the end; targets begin and end with their marks.
  struct Batch {
    let sources, targets: Tensor
    /// Pieces of the sources, with their marks.
    let lengths: [Int]
  }

  func batch(_ pairs: [(source: [Int], target: [Int])]) -> Batch {
    func filled(_ rows: [[Int]]) -> Tensor {
      let length = rows.map(\.count).max() ?? 0
      return Tensor(rows.map { $0 + Array(repeating: marks.padding, count: length - $0.count) })
    }
    return Batch(
      sources: filled(pairs.map { $0.source + [marks.end] }), targets: filled(pairs.map { [marks.start] + $0.target + [marks.end] }),
      lengths: pairs.map { $0.source.count + 1 })
  }
}
