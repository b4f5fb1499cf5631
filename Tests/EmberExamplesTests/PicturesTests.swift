import Ember
import Testing

@testable import Pictures

extension ExamplesTests {
  @Suite struct PicturesTests {
    @Test(arguments: Architecture.allCases) func aNetworkLearns(_ architecture: Architecture) throws {
      try withRandomSeed(0) {
        let clothing = try Clothing(limit: 512)
        let model = architecture.model(width: 8)
        let trainer = makeTrainer(model, clothing.training, epochs: 2, batchSize: 32, rate: 0.05)
        trainer.showsProgress = false
        try trainer.run()
        let (first, last) = ends(of: trainer.losses)
        #expect(first > 2 && last < 0.75 * first, "\(trainer.losses)")
        // Ten kinds of clothing: guessing would find a tenth. Running statistics of a deeper network need more steps than these.
        if architecture == .resnet { #expect(try accuracy(model, clothing.test) > 0.3) }
        #expect(model.isTraining)
      }
    }
  }
}
