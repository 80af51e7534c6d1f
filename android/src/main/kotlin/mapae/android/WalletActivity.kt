package mapae.android

import android.annotation.SuppressLint
import android.app.Activity
import android.content.Intent
import android.os.Bundle
import android.view.ViewGroup.LayoutParams
import android.view.WindowManager
import android.webkit.WebResourceRequest
import android.webkit.WebView
import android.webkit.WebViewClient
import android.widget.LinearLayout
import android.widget.TextView
import java.util.concurrent.Executors
import mapae.wallet.GateDecision
import mapae.wallet.WalletException

/**
 * The wallet app's pages in a window of their own, behind the person's prompt, with a line above them: where this phone's
 * key lives, and what the last gate decided. The pages have no way into this process.
 */
class WalletActivity : Activity() {
    private lateinit var line: TextView
    private lateinit var pages: WebView
    private val work = Executors.newSingleThreadExecutor()
    private val heard: (GateDecision) -> Unit = { decision -> runOnUiThread { line.text = Texts.gate(decision) } }
    private val app get() = application as MapaeApp

    @SuppressLint("SetJavaScriptEnabled")
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        window.addFlags(WindowManager.LayoutParams.FLAG_SECURE)
        line = TextView(this).apply { setPadding(32, 24, 32, 24) }
        pages = WebView(this).apply {
            settings.javaScriptEnabled = true
            settings.domStorageEnabled = true
            settings.allowFileAccess = false
            settings.allowContentAccess = false
            webViewClient = OwnPages
        }
        val column = LinearLayout(this).apply { orientation = LinearLayout.VERTICAL }
        column.addView(line, LayoutParams(LayoutParams.MATCH_PARENT, LayoutParams.WRAP_CONTENT))
        column.addView(pages, LayoutParams(LayoutParams.MATCH_PARENT, LayoutParams.MATCH_PARENT))
        setContentView(column)
        app.listeners.add(heard)
        if (!app.lock.isSet) {
            line.text = Texts.noLock
            return
        }
        PersonPrompt(this).ask(Texts.unlock) { isPerson -> if (isPerson) show() else finish() }
    }

    private fun show() {
        address()?.let(pages::loadUrl)
        work.execute {
            val text = try {
                app.phone.security().let { (security, attested) -> Texts.key(security.deviceKey, attested) }
            } catch (_: WalletException) {
                Texts.noWallet
            }
            // A pass for gates is renewed whenever there is a network; without one the old pass goes on.
            try {
                app.phone.opened().renewGatePass()
            } catch (_: WalletException) {
            }
            runOnUiThread { line.text = text }
        }
    }

    /** Where the pages are, as whoever builds the app says in the manifest. */
    private fun address(): String? {
        val flags = android.content.pm.PackageManager.GET_META_DATA
        val told = packageManager.getApplicationInfo(packageName, flags).metaData?.getString("mapae.pages")
        return told?.takeIf { it.startsWith("https://") }
    }

    override fun onDestroy() {
        app.listeners.remove(heard)
        work.shutdown()
        pages.destroy()
        super.onDestroy()
    }

    /** Stays with the pages of one origin; every other link goes to the browser. */
    private object OwnPages : WebViewClient() {
        override fun shouldOverrideUrlLoading(view: WebView, request: WebResourceRequest): Boolean {
            val own = view.url?.let(android.net.Uri::parse)
            if (own != null && own.scheme == request.url.scheme && own.authority == request.url.authority) return false
            if (request.url.scheme == "https") view.context.startActivity(Intent(Intent.ACTION_VIEW, request.url))
            return true
        }
    }
}
