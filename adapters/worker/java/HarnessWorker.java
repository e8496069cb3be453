package harness;

import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The wire protocol, version 1, for ports written in Java or another language of the JVM. See README.md. */
@SuppressWarnings("serial") // what is thrown here is caught here
public final class HarnessWorker {
    private static final int MAX_FRAMES = 50; // a StackOverflowError has a thousand, all alike
    private static final int MAX_DEPTH = 1000;

    private HarnessWorker() {}

    /** From a case to a reply: a String, a byte[], {@link Outputs} or a {@link Value}. */
    public interface Render {
        Object render(Case given) throws Exception;
    }

    /** One case. {@code input} and {@code files} are a String, or a byte[] of what is not UTF-8. */
    public record Case(
            String suite,
            String name,
            Object input,
            Map<String, Object> params,
            Map<String, Object> settings,
            Map<String, Object> files) {}

    /** Several named outputs: Strings, byte[], and integers. */
    public record Outputs(Map<String, ?> named) {}

    /** One structured output: maps, collections, arrays, text, numbers, booleans and null. */
    public record Value(Object value) {}

    /** The port refused the input, in the way its API does. A part that is null is left out. */
    public static final class Refused extends RuntimeException {
        private final transient Map<String, Object> error = new LinkedHashMap<>();

        public Refused(String kind) {
            super(kind);
            with("kind", kind);
        }

        public Refused with(String part, Object value) {
            if (value != null) {
                error.put(part, value);
            }
            return this;
        }
    }

    /** The port has no such feature yet; the message is the reason. */
    public static final class Unsupported extends RuntimeException {
        public Unsupported(String reason) {
            super(reason);
        }
    }

    /** Answers until stdin ends, and then ends the process. {@code settings} are the names that the port knows. */
    public static void serve(String name, String version, Collection<String> settings, Render render) {
        int code = 0;
        System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.err), true)); // the port's prints
        System.setIn(InputStream.nullInputStream());
        try (InputStream in = new FileInputStream(FileDescriptor.in);
                OutputStream out = new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16)) {
            Map<String, Map<String, Object>> suites = new HashMap<>();
            Lines lines = new Lines(in);
            for (byte[] line; (line = lines.next()) != null; ) {
                String reply = answer(line, suites, name, version, settings, render);
                if (reply != null) {
                    out.write(reply.getBytes(StandardCharsets.US_ASCII));
                    out.write('\n');
                    out.flush();
                }
            }
        } catch (Malformed malformed) {
            System.err.println("harness worker: malformed line: " + malformed.getMessage());
            code = 2;
        } catch (IOException broken) {
            System.err.println("harness worker: " + broken);
            code = 2;
        }
        System.exit(code); // a thread that the port left running must not keep the worker alive
    }

    private static String answer(
            byte[] line,
            Map<String, Map<String, Object>> suites,
            String name,
            String version,
            Collection<String> settings,
            Render render) {
        Object message = new Parser(text(line)).document();
        if (message == null) {
            return null; // a blank line
        }
        Map<String, Object> found = object(message, "a line");
        if (found.containsKey("id")) {
            String id = string(found, "id");
            String suite = string(found, "suite");
            Case given = new Case(
                    suite,
                    string(found, "name"),
                    content(found.get("input")),
                    values(found, "params"),
                    values(found, "settings"),
                    suites.getOrDefault(suite, Map.of()));
            return "{\"id\":" + json(id) + "," + reply(given, settings, render) + "}";
        }
        if (found.containsKey("open")) {
            Map<String, Object> files = new HashMap<>();
            object(found.get("files"), "`files`").forEach((path, file) -> files.put(path, content(file)));
            suites.put(string(found, "open"), files);
            return null;
        }
        if (found.get("harness") instanceof Long) {
            return "{\"ready\":1,\"name\":" + json(name) + ",\"version\":" + json(version) + "}";
        }
        throw new Malformed("neither a handshake, an open nor a request");
    }

    private static String reply(Case given, Collection<String> settings, Render render) {
        for (String setting : given.settings().keySet()) {
            if (!settings.contains(setting)) {
                Refused refused = new Refused("UnknownSetting");
                return "\"error\":" + json(refused.with("detail", "unknown setting \"" + setting + "\"").error);
            }
        }
        try {
            return body(render.render(given));
        } catch (Refused refused) {
            return "\"error\":" + json(refused.error);
        } catch (Unsupported unsupported) {
            return "\"unsupported\":" + json(String.valueOf(unsupported.getMessage()));
        } catch (Throwable thrown) { // errors too: a stack overflow leaves the worker as it was
            return "\"panic\":" + json(Map.of("message", message(thrown), "frames", frames(thrown)));
        }
    }

    private static String body(Object result) {
        if (result instanceof Value value) {
            return "\"value\":" + json(value.value());
        }
        if (result instanceof Outputs outputs) {
            Map<String, Object> named = new LinkedHashMap<>();
            outputs.named().forEach((name, output) -> named.put(name, output instanceof Integer ? output : wire(output)));
            return "\"outputs\":" + json(named);
        }
        return "\"output\":" + json(wire(result));
    }

    private static Object wire(Object content) {
        if (content instanceof byte[] bytes) {
            return Map.of("base64", Base64.getEncoder().encodeToString(bytes));
        }
        if (content instanceof String) {
            return content;
        }
        String what = content == null ? "null" : content.getClass().getName();
        throw new IllegalArgumentException("an output is " + what + "; it is a String, a byte[], Outputs or a Value");
    }

    private static String message(Throwable thrown) {
        String kind = thrown.getClass().getSimpleName();
        try {
            return thrown.getMessage() == null ? kind : kind + ": " + thrown.getMessage();
        } catch (RuntimeException second) { // the port's own getMessage, as broken as what it describes
            return kind + ": (its message can not be told: " + second.getClass().getSimpleName() + ")";
        }
    }

    /** The port's own frames, innermost first. */
    private static List<String> frames(Throwable thrown) {
        List<String> frames = new ArrayList<>();
        for (StackTraceElement frame : thrown.getStackTrace()) {
            String type = frame.getClassName();
            if (frames.size() < MAX_FRAMES && !type.matches("(harness\\.HarnessWorker|javax?\\.|jdk\\.|sun\\.).*")) {
                frames.add(type + "." + frame.getMethodName() + " (" + frame.getFileName() + ":" + frame.getLineNumber() + ")");
            }
        }
        return frames;
    }

    // --- what comes in ---

    private static final class Malformed extends RuntimeException {
        Malformed(String why) {
            super(why);
        }
    }

    private static final class Lines {
        private final InputStream in;
        private final byte[] chunk = new byte[1 << 16];
        private int at;
        private int end;

        Lines(InputStream in) {
            this.in = in;
        }

        /** The next line without its end; null after the last one. */
        byte[] next() throws IOException {
            ByteArrayOutputStream line = new ByteArrayOutputStream();
            while (true) {
                if (at == end) {
                    at = 0;
                    end = in.read(chunk);
                    if (end < 0) {
                        end = 0;
                        return line.size() == 0 ? null : line.toByteArray();
                    }
                }
                int newline = at;
                while (newline < end && chunk[newline] != '\n') {
                    newline++;
                }
                line.write(chunk, at, newline - at);
                at = newline;
                if (newline < end) {
                    at++;
                    return line.toByteArray();
                }
            }
        }
    }

    private static String text(byte[] line) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(line)).toString();
        } catch (CharacterCodingException broken) {
            throw new Malformed("not UTF-8");
        }
    }

    @SuppressWarnings("unchecked") // the parser makes no other maps
    private static Map<String, Object> object(Object found, String what) {
        if (found instanceof Map<?, ?> map) {
            return (Map<String, Object>) map;
        }
        throw new Malformed(what + " is an object");
    }

    private static String string(Map<String, Object> message, String key) {
        if (message.get(key) instanceof String text) {
            return text;
        }
        throw new Malformed("a request has an id, a suite and a name, an open its suite, as strings");
    }

    private static Map<String, Object> values(Map<String, Object> request, String key) {
        if (!request.containsKey(key)) {
            return Map.of();
        }
        Map<String, Object> found = object(request.get(key), "`" + key + "`");
        found.replaceAll((name, value) -> untagged(value));
        return found;
    }

    private static Object content(Object found) {
        if (found instanceof String) {
            return found;
        }
        if (found instanceof Map<?, ?> map && map.get("base64") instanceof String digits) {
            try {
                byte[] bytes = Base64.getDecoder().decode(digits);
                if (Base64.getEncoder().encodeToString(bytes).equals(digits)) { // it takes what is not padded, too
                    return bytes;
                }
            } catch (IllegalArgumentException broken) {
                throw new Malformed("base64 that can not be decoded");
            }
        }
        throw new Malformed("content is a string or {\"base64\": \"...\"}");
    }

    /** Numbers that JSON can not hold travel as {"$float": "nan"}. */
    @SuppressWarnings("unchecked")
    private static Object untagged(Object found) {
        if (found instanceof Map<?, ?> map) {
            if (map.size() == 1 && map.get("$float") instanceof String number) {
                switch (number) {
                    case "nan":
                        return Double.NaN;
                    case "inf":
                        return Double.POSITIVE_INFINITY;
                    case "-inf":
                        return Double.NEGATIVE_INFINITY;
                    default:
                        return found;
                }
            }
            ((Map<String, Object>) map).replaceAll((name, value) -> untagged(value));
        } else if (found instanceof List<?> list) {
            ((List<Object>) list).replaceAll(HarnessWorker::untagged);
        }
        return found;
    }

    /** JSON as the standard has it: objects are maps in their order; numbers Long, BigInteger or Double. */
    private static final class Parser {
        private static final Pattern NUMBER = Pattern.compile("-?(?:0|[1-9][0-9]*+)(\\.[0-9]++)?([eE][+-]?[0-9]++)?");
        private final String text;
        private int at;
        private int depth;

        Parser(String text) {
            this.text = text;
        }

        /** The one value of a line; null where there is only white space. */
        Object document() {
            if (peek() < 0) {
                return null;
            }
            Object found = value();
            if (peek() >= 0) {
                throw fault("the end of the line");
            }
            return found == null ? List.of() : found; // no message is null
        }

        private Object value() {
            switch (peek()) {
                case '{':
                    return nested('}');
                case '[':
                    return nested(']');
                case '"':
                    return string();
                case 't':
                    return word("true", true);
                case 'f':
                    return word("false", false);
                case 'n':
                    return word("null", null);
                default:
                    return number();
            }
        }

        private Object nested(char closing) {
            at++;
            if (++depth > MAX_DEPTH) {
                throw fault("a nesting of at most " + MAX_DEPTH);
            }
            Map<String, Object> entries = new LinkedHashMap<>();
            List<Object> items = new ArrayList<>();
            for (boolean first = true; peek() != closing; first = false) {
                if (!first) {
                    expect(',');
                }
                if (closing == '}') {
                    peek();
                    String key = string();
                    expect(':');
                    entries.put(key, value());
                } else {
                    items.add(value());
                }
            }
            at++;
            depth--;
            return closing == '}' ? entries : items;
        }

        private Object word(String word, Object value) {
            if (!text.startsWith(word, at)) {
                throw fault(word);
            }
            at += word.length();
            return value;
        }

        private Object number() {
            Matcher found = NUMBER.matcher(text).region(at, text.length());
            if (!found.lookingAt()) {
                throw fault("a value");
            }
            at = found.end();
            if (found.group(1) != null || found.group(2) != null) {
                return Double.valueOf(found.group());
            }
            BigInteger whole = new BigInteger(found.group());
            return whole.bitLength() < Long.SIZE ? (Object) whole.longValue() : whole;
        }

        private String string() {
            if (at >= text.length() || text.charAt(at) != '"') {
                throw fault("a string");
            }
            StringBuilder string = new StringBuilder();
            for (at++; at < text.length(); at++) {
                char letter = text.charAt(at);
                if (letter == '"') {
                    at++;
                    return string.toString();
                }
                if (letter < ' ') {
                    throw fault("an escape in the place of a control character");
                }
                string.append(letter == '\\' ? escaped() : letter);
            }
            throw fault("the end of this string");
        }

        private char escaped() {
            at++;
            char mark = at < text.length() ? text.charAt(at) : 0;
            int known = "\"\\/bfnrt".indexOf(mark);
            if (known >= 0) {
                return "\"\\/\b\f\n\r\t".charAt(known);
            }
            if (mark != 'u' || at + 4 >= text.length()) {
                throw fault("an escape");
            }
            int code = 0;
            for (int digits = 0; digits < 4; digits++) {
                int digit = Character.digit(text.charAt(++at), 16);
                if (digit < 0 || text.charAt(at) > 'f') {
                    throw fault("four hex digits");
                }
                code = code * 16 + digit;
            }
            return (char) code;
        }

        private int peek() {
            while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
                at++;
            }
            return at < text.length() ? text.charAt(at) : -1;
        }

        private void expect(char mark) {
            if (peek() != mark) {
                throw fault("'" + mark + "'");
            }
            at++;
        }

        private Malformed fault(String wanted) {
            return new Malformed("column " + (at + 1) + ": expected " + wanted);
        }
    }

    // --- what goes out ---

    private static String json(Object value) {
        StringBuilder out = new StringBuilder();
        write(value, out);
        return out.toString();
    }

    private static void write(Object value, StringBuilder out) {
        if (value == null || value instanceof Boolean || value instanceof BigInteger || value instanceof BigDecimal) {
            out.append(value);
        } else if (value instanceof Double || value instanceof Float) {
            double number = ((Number) value).doubleValue();
            if (Double.isNaN(number) || Double.isInfinite(number)) {
                out.append("{\"$float\":\"").append(Double.isNaN(number) ? "nan" : number > 0 ? "inf" : "-inf").append("\"}");
            } else {
                out.append(value);
            }
        } else if (value instanceof Long || value instanceof Integer || value instanceof Short || value instanceof Byte) {
            out.append(value);
        } else if (value instanceof CharSequence || value instanceof Character || value instanceof Enum<?>) {
            quote(value.toString(), out);
        } else if (value instanceof Map<?, ?> map) {
            char before = '{';
            for (Map.Entry<?, ?> entry : map.entrySet()) {
                out.append(before);
                quote(String.valueOf(entry.getKey()), out);
                out.append(':');
                write(entry.getValue(), out);
                before = ',';
            }
            out.append(map.isEmpty() ? "{}" : "}");
        } else if (value instanceof Iterable<?> items) {
            char before = '[';
            for (Object item : items) {
                out.append(before);
                write(item, out);
                before = ',';
            }
            out.append(before == '[' ? "[]" : "]");
        } else if (value.getClass().isArray()) {
            List<Object> items = new ArrayList<>();
            for (int at = 0; at < Array.getLength(value); at++) {
                items.add(Array.get(value, at));
            }
            write(items, out);
        } else {
            throw new IllegalArgumentException("a " + value.getClass().getName() + " is no JSON; make it a map, a list, text or a number");
        }
    }

    private static void quote(String text, StringBuilder out) {
        out.append('"');
        for (int at = 0; at < text.length(); at++) {
            char letter = text.charAt(at);
            if (letter == '"' || letter == '\\') {
                out.append('\\').append(letter);
            } else if (letter >= ' ' && letter < 0x7f) {
                out.append(letter);
            } else { // half a surrogate pair among them: the other half follows, or it is alone
                out.append("\\u");
                for (int shift = 12; shift >= 0; shift -= 4) {
                    out.append(Character.forDigit(letter >> shift & 15, 16));
                }
            }
        }
        out.append('"');
    }
}
