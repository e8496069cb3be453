import harness.HarnessWorker;
import harness.HarnessWorker.Case;
import harness.HarnessWorker.Outputs;
import harness.HarnessWorker.Refused;
import harness.HarnessWorker.Unsupported;
import harness.HarnessWorker.Value;
import java.util.List;
import java.util.Map;

/** The conformance worker in Java: what the kit promises, one case name each. */
final class Worker {
    public static void main(String[] words) {
        HarnessWorker.serve("conformance-java", "1", List.of("trim"), Worker::render);
    }

    private static Object render(Case given) {
        switch (given.name()) {
            case "echo":
                return given.input();
            case "value":
                return new Value(Map.of("params", given.params(), "settings", given.settings(), "suite", given.suite()));
            case "outputs":
                return new Outputs(Map.of("stdout", given.input(), "exit", 3, "files/a.bin", new byte[] {0, -1, -128}));
            case "error":
                throw new Refused("SyntaxError")
                        .with("detail", "bad")
                        .with("line", 7)
                        .with("name", given.name())
                        .with("text", "whole\n")
                        .with("column", null);
            case "panic":
                return blowUp();
            case "overflow":
                return String.valueOf(descend(0));
            case "die":
                System.err.println("dying");
                System.exit(3);
                return null;
            case "print":
                System.out.println("stray");
                return "printed";
            case "unsupported":
                throw new Unsupported("not yet");
            case "shared":
                if (!given.files().containsKey(given.input())) {
                    throw new Refused("NoSuchFile").with("detail", "no shared file " + given.input());
                }
                return given.files().get(given.input());
            default:
                throw new Refused("NoSuchCase");
        }
    }

    private static Object blowUp() {
        throw new IllegalStateException("boom");
    }

    private static long descend(long depth) {
        return descend(depth + 1) + 1;
    }
}
