import java.nio.file.Path;
import java.util.TreeMap;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;

/** Each file by each flavour: one line, and each broken rule once. Ends with 1 where a rule is broken. */
public final class Judge {
    public static void main(String[] arguments) throws Exception {
        VeraGreenfieldFoundryProvider.initialise();
        boolean conformant = true;
        for (int n = 1; n < arguments.length; n++) {
            for (String id : arguments[0].split(",")) {
                PDFAFlavour flavour = PDFAFlavour.fromString(id);
                try (var parser = Foundries.defaultInstance().createParser(Path.of(arguments[n]).toFile(), flavour);
                        var validator = Foundries.defaultInstance().createValidator(flavour, 100, false, false, false)) {
                    var result = validator.validate(parser);
                    var broken = new TreeMap<String, String>();
                    for (var assertion : result.getTestAssertions()) {
                        if (assertion.getStatus() == TestAssertion.Status.FAILED) {
                            var rule = assertion.getRuleId();
                            broken.put(rule.getClause() + "-" + rule.getTestNumber(), assertion.getMessage());
                        }
                    }
                    conformant &= result.isCompliant();
                    System.out.println((result.isCompliant() ? "conformant " : "BROKEN ") + id + " " + result.getTotalAssertions()
                            + " checks " + Path.of(arguments[n]).getFileName() + " " + broken);
                }
            }
        }
        System.exit(conformant ? 0 : 1);
    }
}
