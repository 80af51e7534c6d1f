import eu.europa.esig.dss.model.DSSDocument;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.spi.x509.revocation.crl.ExternalResourcesCRLSource;
import eu.europa.esig.dss.validation.SignedDocumentValidator;
import eu.europa.esig.dss.validation.reports.Reports;

import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.regex.Pattern;

/**
 * EU DSS before our documents, without a network: {@code Judge FOLDER}. Prints one line for each signature:
 * {@code file<TAB>indication<TAB>sub-indication<TAB>level}. The policy is DSS's own with what concerns changes after signing at FAIL.
 */
public final class Judge {
    private static final String[] STRICT = {
        "DocMDP", "FieldMDP", "SigFieldLock", "ByteRangeCollision", "PdfAnnotationOverlap", "PdfVisualDifference",
        "UndefinedChanges",
    };

    public static void main(String[] arguments) throws Exception {
        File folder = new File(arguments[0]);
        String policy;
        try (InputStream in = Judge.class.getResourceAsStream("/policy/constraint.xml")) {
            policy = new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
        int strict = 0;
        for (String name : STRICT) {
            String before = policy;
            policy = Pattern.compile("<" + name + " Level=\"[A-Z]+\"").matcher(policy)
                .replaceAll("<" + name + " Level=\"FAIL\"");
            strict += policy.equals(before) ? 0 : 1;
        }
        if (strict != STRICT.length) {
            throw new IllegalStateException("the policy has other names now: only " + strict + " were made strict");
        }
        // Not in the default policy at all. A second signature counts as a form that is filled.
        String filled = "<AnnotationChanges Level=\"FAIL\" /><UndefinedChanges ";
        String alone = policy.replace("<UndefinedChanges ", "<FormFillChanges Level=\"FAIL\" />" + filled);
        String several = policy.replace("<UndefinedChanges ", filled);
        for (String part : new String[] {"good", "bad"}) {
            File[] files = new File(folder, part).listFiles((where, name) -> name.endsWith(".pdf"));
            Arrays.sort(files);
            for (File file : files) {
                judge(folder, part + "/" + file.getName(), file, file.getName().contains(".two-") ? several : alone);
            }
        }
    }

    private static void judge(File folder, String name, File file, String policy) throws Exception {
        CommonTrustedCertificateSource trusted = new CommonTrustedCertificateSource();
        trusted.addCertificate(DSSUtils.loadCertificate(new File(folder, "root.der")));
        CommonCertificateVerifier verifier = new CommonCertificateVerifier();
        verifier.setTrustedCertSources(trusted);
        verifier.setAIASource(null);
        // Only the levels without their own material get lists from outside.
        if (name.startsWith("good/B-B") || name.startsWith("good/B-T")) {
            verifier.setCrlSource(new ExternalResourcesCRLSource(
                new FileInputStream(new File(folder, "crl-0.der")), new FileInputStream(new File(folder, "crl-1.der"))));
        }
        try {
            DSSDocument document = new FileDocument(file);
            SignedDocumentValidator validator = SignedDocumentValidator.fromDocument(document);
            validator.setCertificateVerifier(verifier);
            Reports reports = validator.validateDocument(
                new ByteArrayInputStream(policy.getBytes(StandardCharsets.UTF_8)));
            SimpleReport simple = reports.getSimpleReport();
            if (simple.getSignatureIdList().isEmpty()) {
                System.out.println(name + "\tNO_SIGNATURE\t-\t-");
            }
            for (String id : simple.getSignatureIdList()) {
                System.out.println(name + "\t" + simple.getIndication(id) + "\t" + simple.getSubIndication(id) + "\t"
                    + simple.getSignatureFormat(id));
            }
        } catch (RuntimeException refused) {
            System.out.println(name + "\tREFUSED\t" + refused.getClass().getSimpleName() + "\t-");
        }
    }
}
