import Ember
import TestSupport
import Testing

@testable import CharacterGPT
@testable import TreeLSTM

extension ExamplesTests {
  @Suite struct CharacterGPTTests {
    @Test func aSmallGPTLearns() throws {
      try withRandomSeed(0) {
        let works = try Shakespeare(folder: "\(Checkout.root)/datasets/shakespeare", limit: 3000)
        #expect(works.vocabulary.count > 60 && works.training.elementCount > 90_000)
        let model = GPT2(.init(vocabularySize: works.vocabulary.count, contextLength: 32, layers: 2, heads: 2, width: 48, dropout: 0))
        let windows = works.training.narrow(0, start: 0, length: 60_000)
        let trainer = try makeTrainer(model, windows, epochs: 1, batchSize: 16, rate: 3e-3)
        trainer.showsProgress = false
        try trainer.run()
        let (first, last) = ends(of: trainer.losses)
        // Guessing among the characters costs more than four nats, knowing how frequent each is about three.
        #expect(first > 3.2 && last < first - 0.5, "\(first) \(last)")
        #expect(abs(try validationLoss(model, works.validation, limit: 50) - last) < 0.5)
        let text = works.text(model.generate(Tensor([works.vocabulary.encode("The ")]), count: 20))
        #expect(text.count == 24 && text.hasPrefix("The "))
      }
    }
  }
}

extension ExamplesTests {
  @Suite struct TreeLSTMTests {
    @Test func relationsAreLearnt() throws {
      try withRandomSeed(0) {
        let treebank = try Treebank(folder: "\(Checkout.root)/datasets/turkish-treebanks", limit: 240)
        let model = RelationLabeler(Alphabet(treebank.training), width: 32)
        let trainer = makeTrainer(model, treebank.training, epochs: 3, rate: 5e-3)
        trainer.showsProgress = false
        try trainer.run()
        let (first, last) = ends(of: trainer.losses)
        #expect(last < 0.6 * first)
        // The most frequent relation is a fifth of all.
        #expect(try model.accuracy(treebank.test) > 0.5)
      }
    }

    /// The recursion against the formulas, on a sentence of three words of which the second is the head of the others.
    @Test func aTreeFollowsTheFormulas() throws {
      try withRandomSeed(3) {
        let words = [("a", 1), ("b", nil), ("c", 1)].map { form, head in Sentence.Word(form: form, tag: "X", head: head, relation: "r") }
        let sentence = try #require(Sentence(words))
        let tree = ChildSumTreeLSTM(inputs: 4, width: 3), x = Tensor.randn([3, 4])
        let weights = Dictionary(uniqueKeysWithValues: tree.namedParameters().map { ($0.name, $0.parameter.value) })
        func map(_ name: String, _ x: Tensor) -> Tensor { x.linear(weights["\(name).weight"]!, weights["\(name).bias"]) }
        func cell(_ word: Int, _ below: [(h: Tensor, c: Tensor)]) -> (h: Tensor, c: Tensor) {
          let sum = below.reduce(Tensor.zeros([3])) { $0 + $1.h }
          let gates = (map("input", x[word]) + map("children", sum)).split(3)
          var c = gates[0].sigmoid() * gates[2].tanh()
          for (h, memory) in below { c = c + (map("forget_input", x[word]) + map("forget_child", h)).sigmoid() * memory }
          return (gates[1].sigmoid() * c.tanh(), c)
        }
        let (left, right) = (cell(0, []), cell(2, []))
        let expected = stack([left.h, cell(1, [left, right]).h, right.h])
        #expect((tree.hiddenStates(sentence, features: x) - expected).abs().amax().item() < 1e-6)
      }
    }

    @Test func whatIsNoTreeIsLeftOut() {
      func word(_ head: Int?) -> Sentence.Word { .init(form: "a", tag: "X", head: head, relation: "r") }
      #expect(Sentence([word(1), word(0)]) == nil)
      #expect(Sentence([word(nil), word(7)]) == nil)
      #expect(Sentence([]) == nil)
      #expect(Sentence([word(1), word(nil)]) != nil)
      let text = "# text = a b\n1\ta\ta\tDET\tDT\t_\t2\tdet\t_\t_\n2\tb\tb\tNOUN\tNN\t_\t0\troot\t_\t_\n\n1\tx\n\n"
      let read = Treebank.sentences(of: text)
      #expect(read.count == 1 && read[0].roots == [1] && read[0].children == [[], [0]])
    }
  }
}
