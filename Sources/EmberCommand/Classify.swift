import ArgumentParser
import EmberHub
import EmberRuntime
import EmberTensor
import EmberVision
import Foundation

/// `ember classify`
struct Classify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Says what is in photographs (PNG, JPEG). Prints the likeliest classes of each with their probabilities.",
    discussion: """
      The model's weights say which network it is: EfficientNet-Lite, ResNet and MobileNetV2 as torchvision names them, ViT as timm does. \
      A photograph that cannot be read does not keep the others from being classified; the exit status then is 1.
      """)

  @Argument(help: "Photographs.") var photos: [String]
  @Option(help: "\(modelHelp.abstract) Or a file of weights (.pth, .pt, .safetensors).") var model = "efficientnet-lite0"
  @Option(help: "How many classes to print.") var top = 5
  @Flag(help: "Print one line of JSON a photograph, with the logits of all classes.") var json = false

  func validate() throws {
    if top < 1 { throw ValidationError("--top \(top): at least one class is printed") }
  }

  func run() throws {
    let isFile = [".pth", ".pt", ".safetensors"].contains { model.hasSuffix($0) }
    let classifier = isFile ? try ImageClassifier(weights: model) : try Hub.load(model)
    var isAnyBad = false
    for photo in photos {
      do {
        let logits = try classifier.logits(Picture(contentsOf: photo))
        show(photo, classifier.predictions(logits, top: top), logits)
      } catch {
        isAnyBad = true
        FileHandle.standardError.write(Data("Error: \(error)\n".utf8))
      }
    }
    if isAnyBad { throw ExitCode.failure }
  }

  /// A photograph's line of JSON. Numbers that are not finite, which JSON does not know, are null.
  static func line(_ photo: String, _ predictions: [ImageClassifier.Prediction], _ logits: Tensor) -> String {
    let guesses = predictions.map { guess in
      "{\"index\": \(guess.index), \"name\": \(JSONText.quoted(guess.name)), \"probability\": \(JSONText.number(guess.probability))}"
    }
    let numbers = logits.elements(as: Float.self).map(JSONText.number)
    return "{\"photo\": \(JSONText.quoted(photo)), \"predictions\": [\(guesses.joined(separator: ", "))], "
      + "\"logits\": [\(numbers.joined(separator: ", "))]}"
  }

  private func show(_ photo: String, _ predictions: [ImageClassifier.Prediction], _ logits: Tensor) {
    if json { return print(Self.line(photo, predictions, logits)) }
    print("\(photo):")
    for guess in predictions {
      let percent = NumberText.fixed(100 * guess.probability, decimals: 1)
      print(String(repeating: " ", count: max(0, 7 - percent.count)) + "\(percent) %  \(guess.name)")
    }
  }
}
